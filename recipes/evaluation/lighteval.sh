#!/usr/bin/env bash
# verl's validation dumps scored again by lighteval's extractive match, which needs no GPU and an environment of its own:
#
#   recipes/evaluation/lighteval.sh --out runs/gsm8k-lighteval runs/gsm8k/*
#   python -m recipes.collect runs/gsm8k-lighteval/* --against selected-Qwen3-0.6B
#
# The first call makes that environment in LIGHTEVAL_VENV (build/lighteval) with pip; TORCH_INDEX names a package index
# for torch where pip would otherwise fetch its CUDA build, which is not used here.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=${LIGHTEVAL_VENV:-$root/build/lighteval}
if [ ! -f "$venv/.installed" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    [ -z "${TORCH_INDEX:-}" ] || "$venv/bin/python" -m pip install -q --index-url "$TORCH_INDEX" torch
    "$venv/bin/python" -m pip install -q -r "$root/recipes/evaluation/lighteval-requirements.txt"
    touch "$venv/.installed"
fi
PYTHONPATH="$root" exec "$venv/bin/python" -m recipes.evaluation.extractive_match "$@"
