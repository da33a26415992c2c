#!/usr/bin/env bash
# The demo's tasks, train.parquet and held_out.parquet:  data.sh --out DATA [--seed 0 --train 1500 --held-out 640]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python -m recipes.tiny_cpu.tasks "$@"
