"""Weights through a file in memory arrive as they were sent, and the file goes."""

import asyncio
from pathlib import Path

import torch

from sparft_verl.verl_plugin.cpu.weights import FileCheckpointEngine


def test_weights_arrive_bit_for_bit_at_a_receiver_that_was_there_first(tmp_path: Path) -> None:
    master = FileCheckpointEngine(1, is_master=True, folder=str(tmp_path))
    other, receiver = (FileCheckpointEngine(1, folder=str(tmp_path)) for _ in range(2))
    sent, got = FileCheckpointEngine.build_topology(2, 1, [engine.prepare() for engine in (master, other)])
    for engine, token in zip((master, other, receiver), [*sent["token"], *got["token"]], strict=True):
        engine.init_process_group(token)
    shared = torch.arange(6.0).reshape(2, 3)
    weights = {"a": torch.randn(4, generator=torch.Generator().manual_seed(0)), "b": shared.T, "c": shared.T}

    async def exchange() -> dict[str, torch.Tensor]:
        async def receive() -> dict[str, torch.Tensor]:
            return {name: tensor async for name, tensor in receiver.receive_weights(3)}

        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0.02)
        await other.send_weights(iter(weights.items()), 3)
        assert not waiting.done()
        await master.send_weights(iter(weights.items()), 3)
        return await waiting

    received = asyncio.run(exchange())
    assert received.keys() == weights.keys()
    assert all(torch.equal(received[name], weights[name]) for name in weights)
    for engine in (other, master):
        engine.finalize()
    assert list(tmp_path.iterdir()) == []
