"""A run killed in the middle goes on after the last shard it had finished, and ends with the bits of a whole one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, Embedded, embed
from sparft_verl.prepare.workers import LocalWorkers

_SCRIPT = """
import sys
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, embed
from sparft_verl.prepare.workers import LocalWorkers
model, folder, count = sys.argv[1:]
texts = [f"who lies {i} times in {i * i} ?" for i in range(int(count))]
config = EmbedConfig(model=model, shard_size=4, batch_size=2)
embed(config, texts, cache=Cache(folder), workers=LocalWorkers(), seed=0, threads=1)
"""
_COUNT = 240


def _embed(model: str, folder: Path | None) -> Embedded:
    texts = [f"who lies {i} times in {i * i} ?" for i in range(_COUNT)]
    config = EmbedConfig(model=model, shard_size=4, batch_size=2)
    return embed(config, texts, cache=Cache(folder), workers=LocalWorkers(), seed=0, threads=1)


def test_a_run_killed_by_kill_9_is_resumed_in_its_shards(tiny_model: str, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, tiny_model, str(tmp_path), str(_COUNT)],
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    deadline = time.monotonic() + 120
    while (
        len(list(tmp_path.rglob("vectors.npy"))) < 3 and child.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    child.kill()
    _, log = child.communicate()
    assert child.returncode == -signal.SIGKILL, log.decode()
    kept = [len(np.load(path)) for path in tmp_path.rglob("vectors.npy")]
    assert 3 <= len(kept) < _COUNT // 4, "some shards were finished and some were not"

    resumed = _embed(tiny_model, tmp_path)
    assert (resumed.cost.cached, resumed.cost.items) == (sum(kept), _COUNT - sum(kept))
    assert resumed.vectors.tobytes() == _embed(tiny_model, None).vectors.tobytes()
