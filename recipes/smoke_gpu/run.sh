#!/usr/bin/env bash
# The first run on a machine with a GPU: Qwen3-0.6B on GSM8K, FSDP + vLLM, 20 steps without and with a curriculum, the
# latter killed once and resumed. Prints one JSON; its status is 0 only if every check in it holds.
#
#   recipes/smoke_gpu/run.sh [overrides]        NGPUS=1   NNODES=2 on a running Ray (RAY_ADDRESS)   OUT=runs/smoke_gpu
#   DATA=... to use rows written before, else they are downloaded
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHON=${PYTHON:-python3} NGPUS=${NGPUS:-1} NNODES=${NNODES:-1}
OUT=$(realpath -m "${OUT:-runs/smoke_gpu}")
export DATA=${DATA:-$OUT/data} ARTEFACT=$OUT/artefact
export PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT"
[ -f "$DATA/data.json" ] || (cd "$here/../.." && "$PYTHON" -m recipes.gsm8k.data --out "$DATA") >"$OUT/data.log"
"$PYTHON" -m sparft_verl.cli prepare --config "$here/prepare.yaml" >"$OUT/prepare.log"
exec "$PYTHON" -m recipes.smoke_gpu.smoke --out "$OUT" -- \
    data.train_batch_size=16 \
    data.val_max_samples=64 \
    actor_rollout_ref.actor.ppo_mini_batch_size=16 \
    actor_rollout_ref.rollout.n=8 \
    trainer.test_freq=20 \
    trainer.save_freq=5 \
    "$@"
