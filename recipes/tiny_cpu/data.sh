#!/usr/bin/env bash
# The demo's tasks, train.parquet and held_out.parquet:  data.sh --out DATA [--seed 0 --train 1500 --held-out 640]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python3}" -m recipes.tiny_cpu.tasks "$@"
