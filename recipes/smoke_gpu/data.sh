#!/usr/bin/env bash
# GSM8K, as recipes/gsm8k has it:  data.sh --out DATA [--from FOLDER]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "${PYTHON:-python3}" -m recipes.gsm8k.data "$@"
