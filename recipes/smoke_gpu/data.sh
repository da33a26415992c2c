#!/usr/bin/env bash
# GSM8K, as recipes/gsm8k has it:  data.sh --out DATA [--from FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python -m recipes.gsm8k.data "$@"
