#!/usr/bin/env bash
# A launch script as a job on a Ray cluster that runs already (KubeRay, or `ray start` on each node):
#
#   RAY_API_SERVER_ADDRESS=http://HEAD:8265 NNODES=2 CURRICULUM=sec recipes/launchers/ray_job.sh \
#       recipes/countdown/run_qwen2_5_3b.sh [overrides]
#
# This folder, DATA, ARTEFACT and OUT must lie on a file system that all nodes share.
set -euo pipefail
: "${RAY_API_SERVER_ADDRESS:?set RAY_API_SERVER_ADDRESS, e.g. http://HEAD:8265}"
script=$(realpath "${1:?give a launch script, e.g. recipes/gsm8k/run_qwen3_0_6b.sh}")
shift
knobs=()
for name in CURRICULUM BASELINE BUDGET TOKENS STEPS SEED NNODES NGPUS MODEL DATA ARTEFACT OUT DEVICE PYTHON PREFLIGHT HF_HOME HF_HUB_OFFLINE; do
    [ -z "${!name:-}" ] || knobs+=("$name=${!name}")
done
# In the entrypoint and not in the job's runtime_env: Ray refuses to merge a job's env_vars with those that verl sets.
exec ray job submit --address "$RAY_API_SERVER_ADDRESS" -- env -C "$PWD" "${knobs[@]}" bash "$script" "$@"
