#!/usr/bin/env bash
# The first run on a machine with a GPU: Qwen3-0.6B on GSM8K, FSDP + vLLM, 20 steps without and with a curriculum, the
# latter killed once and resumed. Prints one JSON; its status is 0 only if every check in it holds.
#
#   recipes/smoke_gpu/run.sh [overrides]     NGPUS=1   OUT=runs/smoke_gpu   MODEL=Qwen/Qwen3-0.6B
#   NNODES=2 on a running Ray (RAY_ADDRESS, or recipes/launchers); OUT, DATA and ARTEFACT on a file system they share
#   DATA, ARTEFACT: rows and artefact written before, else they are downloaded and made below OUT
#   DEVICE=gpu: where FAISS must have clustered   PREFLIGHT=warn goes on where preflight would stop
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PYTHON=${PYTHON:-python3} NGPUS=${NGPUS:-1} NNODES=${NNODES:-1} MODEL=${MODEL:-Qwen/Qwen3-0.6B}
OUT=$(realpath -m "${OUT:-runs/smoke_gpu}")
DATA=$(realpath -m "${DATA:-$OUT/data}") ARTEFACT=$(realpath -m "${ARTEFACT:-$OUT/artefact}")
export DATA ARTEFACT PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
CHECKS=(--recipe smoke_gpu --model "$MODEL" --gpus "$NGPUS" --nodes "$NNODES" --mode "${PREFLIGHT:-stop}")
[ ! -f "$DATA/data.json" ] || CHECKS+=(--data "$DATA")
"$PYTHON" -m recipes.preflight "${CHECKS[@]}"

mkdir -p "$OUT"
[ -f "$DATA/data.json" ] || "$PYTHON" -m recipes.gsm8k.data --out "$DATA" >"$OUT/data.log"
[ -f "$ARTEFACT/manifest.json" ] || "$PYTHON" -m sparft_verl.cli prepare --config "$here/prepare.yaml" >"$OUT/prepare.log"
exec "$PYTHON" -m recipes.smoke_gpu.smoke --out "$OUT" --artefact "$ARTEFACT" --device "${DEVICE:-gpu}" -- \
    data.train_batch_size=16 \
    data.val_max_samples=64 \
    actor_rollout_ref.actor.ppo_mini_batch_size=16 \
    actor_rollout_ref.rollout.n=8 \
    trainer.test_freq=20 \
    trainer.save_freq=5 \
    "$@"
