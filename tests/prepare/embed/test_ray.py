"""Stage A on a real Ray cluster of two nodes gives what it gives here; and what goes wrong is said, not waited for."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparft_verl.prepare import PrepareConfig
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, embed
from sparft_verl.prepare.engine import EngineConfig, make_workers
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.pipeline import run
from sparft_verl.prepare.workers import LocalWorkers

ray = pytest.importorskip("ray", reason="Ray comes with verl, not installed here")
pytest.importorskip("ray.data", reason="Ray Data is not installed here")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes of one CPU each, to which this process is connected."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    nodes = Cluster(initialize_head=True, head_node_args={**small, "include_dashboard": False})
    nodes.add_node(**small)
    ray.init(address=nodes.address, log_to_driver=False)
    yield
    ray.shutdown()
    nodes.shutdown()


def _map(build: Callable[[], Callable[[Any], Any]], values: list[Any], **settings: Any) -> dict[int, Any]:
    return dict(make_workers(EngineConfig(kind="ray", **settings)).map(build, enumerate(values)))


def test_jobs_are_dealt_to_both_nodes_and_keep_their_values(cluster: None, tmp_path: Path) -> None:
    def build() -> Callable[[Any], Any]:
        import ray

        (tmp_path / f"built-{os.getpid()}").touch()
        return lambda value: (value, ray.get_runtime_context().get_node_id())

    values: list[Any] = [["a", "é" * 5000, ""], {"x": None}, [], (1, 2.5), *range(12)]
    done = _map(build, values)
    assert [done[i][0] for i in range(len(values))] == values
    assert len({node for _, node in done.values()}) == 2
    assert len(list(tmp_path.glob("built-*"))) == 2, "built once per worker"
    assert _map(build, []) == {}


def test_a_rule_that_a_worker_breaks_is_told_as_here(cluster: None) -> None:
    def build_breaks() -> Callable[[Any], Any]:
        raise PrepareError("no model on this node")

    def breaks(value: int) -> int:
        if value == 2:
            raise PrepareError(f"no {value}")
        return value

    with pytest.raises(PrepareError, match=r"^no model on this node$"):
        _map(build_breaks, [1], workers=1)
    with pytest.raises(PrepareError, match=r"^no 2$"):
        _map(lambda: breaks, [1, 2, 3], workers=1)


def test_the_jobs_of_a_worker_that_died_are_done_by_another(cluster: None, tmp_path: Path) -> None:
    died = tmp_path / "died"

    def build() -> Callable[[Any], Any]:
        def do(value: int) -> int:
            if value == 1 and not died.exists():
                died.touch()
                os._exit(1)
            return value * value

        return do

    assert _map(build, [0, 1, 2, 3], workers=2) == {0: 0, 1: 1, 2: 4, 3: 9}
    assert died.exists()


@pytest.mark.parametrize(
    "asked", [{"gpus_per_worker": 1.0}, {"workers": 3}, {"cpus_per_worker": 2}, {"gpus_per_worker": 0.5}]
)
def test_more_than_the_cluster_has_is_refused_at_once(cluster: None, asked: dict[str, Any]) -> None:
    if asked.get("gpus_per_worker") and ray.cluster_resources().get("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(
        PrepareError, match=r"must have room for .* worker\(s\).*but found room for \d on 2 node"
    ):
        _map(lambda: abs, [1], **asked)


def test_arms_and_selected_ids_are_those_of_a_local_run(
    cluster: None,
    tiny_model: str,
    settings: Callable[..., PrepareConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ["embed.engine=sentence_transformers", f"embed.model={tiny_model}", "embed.shard_size=4"]
    files: dict[str, dict[str, bytes]] = {}
    for kind, more in (("local", []), ("ray", ["engine.workers=2"])):
        monkeypatch.setenv("SPARFT_CACHE", str(tmp_path / f"cache-{kind}"))
        out = tmp_path / f"out-{kind}"
        run(settings(*model, "embed.batch_size=2", f"engine.kind={kind}", *more, f"out={out}"))
        files[kind] = {p.name: p.read_bytes() for p in out.iterdir() if p.suffix != ".json"}
    assert len(files["ray"]) >= 4 and files["ray"] == files["local"]
    assert len(list((tmp_path / "cache-ray").rglob("vectors.npy"))) >= 9


def test_one_worker_goes_on_where_a_local_run_was_cut_off_with_its_bits(
    cluster: None, tiny_model: str, prompts: list[str], tmp_path: Path
) -> None:
    config = EmbedConfig(model=tiny_model, shard_size=8, batch_size=4)
    more: dict[str, Any] = {"seed": 0, "threads": 1}
    here = embed(config, prompts, cache=Cache(None), workers=LocalWorkers(), **more)
    embed(config, prompts[:70], cache=Cache(tmp_path), workers=LocalWorkers(), **more)
    one = make_workers(EngineConfig(kind="ray", workers=1))
    there = embed(config, prompts, cache=Cache(tmp_path), workers=one, **more)
    assert there.vectors.tobytes() == here.vectors.tobytes() and there.described == here.described
    assert there.cost.cached > 0 and there.cost.items > 0


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "slurm"},
        {"kind": "ray", "workers": -1},
        {"kind": "ray", "cpus_per_worker": 0},
        {"kind": "ray", "gpus_per_worker": -1},
        {"workers": 2},
        {"gpus_per_worker": 1},
        {"address": "auto"},
    ],
)
def test_settings_that_are_out_of_range_or_would_not_be_read_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        EngineConfig(**bad)


def test_threads_are_those_of_one_worker() -> None:
    assert EngineConfig().threads(7) == 7
    assert EngineConfig(kind="ray", cpus_per_worker=3).threads(7) == 3
