"""Weights from the actor to rollout servers that live apart from it (trainer_mode=separate_async), on one machine."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from verl.checkpoint_engine.base import CheckpointEngine

POLL_SECONDS = 0.005


class FileCheckpointEngine(CheckpointEngine):
    """Through one file in memory (/dev/shm): written by the first actor, read by every server, removed at the end."""

    def __init__(self, bucket_size: int, is_master: bool = False, folder: str = "/dev/shm") -> None:
        self.is_master, self.folder = is_master, Path(folder)
        self.path = self.folder / "unset"

    def prepare(self) -> dict[str, Any]:
        """Return the name of this exchange, of which the first worker's is taken."""
        return {"token": uuid.uuid4().hex}

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[dict[str, Any]]
    ) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Return, for the actors and for the rollouts, the one name under which they meet."""
        token = metadata[0]["token"]
        return {"token": [token] * actor_wg_world_size}, {"token": [token] * rollout_world_size}

    def init_process_group(self, token: str) -> None:
        """Meet under `token`."""
        self.path = self.folder / f"sparft-weights-{os.getuid()}-{token}.safetensors"

    def finalize(self) -> None:
        """Remove the file: every server has read it."""
        if self.is_master:
            self.path.unlink(missing_ok=True)

    async def send_weights(
        self, weights: Generator[tuple[str, torch.Tensor], None, None], global_steps: int | None = None
    ) -> None:
        """Write all `weights`; every rank walks through them, for gathering a shard is a collective call."""
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights}
        if self.is_master:
            aside = self.path.with_suffix(".part")
            save_file(tensors, aside)
            aside.rename(self.path)

    async def receive_weights(
        self, global_steps: int | None = None
    ) -> AsyncGenerator[tuple[str, torch.Tensor], None]:
        """Yield name and tensor of all weights, once they have been written."""
        while not self.path.exists():
            await asyncio.sleep(POLL_SECONDS)
        for name, tensor in load_file(self.path).items():
            yield name, tensor
