"""A Ray cluster of two nodes on this machine, and one training run across it."""

import pytest

from benchmarks.e2e_full.journals import events
from sparft_verl.verl_plugin.cpu.overrides import cpu_env

pytestmark = pytest.mark.e2e


@pytest.fixture
def address(monkeypatch) -> str:
    """A running cluster; its nodes have one logical device each, and the environment of a CPU run."""
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.cluster_utils import Cluster

    for name, value in cpu_env().items():
        monkeypatch.setenv(name, value)
    node = {"num_cpus": 8, "num_gpus": 1, "object_store_memory": 300_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(**node)
        yield cluster.address
    finally:
        cluster.shutdown()
        ray.shutdown()


def test_a_run_across_two_nodes_trains_both_ranks_and_counts_every_group_once(
    start, tmp_path, address
) -> None:
    start(
        "trainer.nnodes=2", f"+ray_kwargs.ray_init.address={address}", "trainer.save_freq=2",
        steps=2, reward="by_answer",
    ).finish()  # fmt: skip
    records = events(tmp_path / "run")
    groups = [(g["ticket"], g["row"]) for r in records if r.event == "observe" for g in r.groups()]
    proposed = [(r["ticket"], row) for r in records if r.event == "propose" for row in r["rows"]]
    assert len(groups) == 16 and sorted(groups) == sorted(proposed)
    shards = sorted(path.name for path in (tmp_path / "run" / "global_step_2" / "actor").glob("model_*.pt"))
    assert shards == [f"model_world_size_2_rank_{rank}.pt" for rank in (0, 1)]
