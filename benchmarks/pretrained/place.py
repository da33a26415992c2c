"""Whether this machine can run a suite, and by which rollout."""

from __future__ import annotations

from importlib.util import find_spec

ROLLOUTS = ("vllm", "sglang")
"""verl 0.9.1's own GPU rollouts that are tried, in this order. Its table (verl.workers.rollout.base) holds vllm,
sglang and trtllm; the file hf_rollout.py beside it is in no table and cannot be asked for."""


class PlaceError(RuntimeError):
    """This machine cannot run the suite; the message says what is missing."""


def gpu_rollout() -> str:
    """Return the name of the rollout that generates on this machine's GPU. PlaceError without a GPU or a rollout."""
    import torch

    if not torch.cuda.is_available():
        raise PlaceError(
            f"compare needs a GPU, but torch {torch.__version__} sees none; run it on a machine with one (check "
            "nvidia-smi, CUDA_VISIBLE_DEVICES, and that torch is a CUDA build). Without a GPU: --suite smoke"
        )
    for name in ROLLOUTS:
        if find_spec(name) is not None:
            return name
    raise PlaceError(
        f"verl generates on a GPU by {' or '.join(ROLLOUTS)}, but neither is installed; "
        "pip install 'sparft-verl[gpu]' brings vLLM 0.24"
    )
