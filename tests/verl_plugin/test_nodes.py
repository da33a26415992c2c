"""The same software on every node, and the artefact where the trainer runs."""

import socket

import pytest
from omegaconf import OmegaConf

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.nodes import PACKAGES, check_nodes, compare, local_artefact, single_node

HERE = {"Python": "3.11", "sparft-verl": "0.1.0", "verl": "0.9.1"}


def test_equal_versions_pass_and_every_difference_is_named_with_its_node() -> None:
    compare(HERE, {"a": dict(HERE), "b": dict(HERE)})
    with pytest.raises(
        CurriculumError, match=r"b has verl 0\.9\.0; c has sparft-verl not installed"
    ) as error:
        compare(HERE, {"a": HERE, "b": HERE | {"verl": "0.9.0"}, "c": {"Python": "3.11", "verl": "0.9.1"}})
    assert "Python 3.11, sparft-verl 0.1.0, verl 0.9.1" in str(error.value)


def test_the_artefact_is_read_on_the_trainers_node_and_its_absence_names_node_and_path(
    rows, make_artefact, tmp_path
) -> None:
    pytest.importorskip("verl", reason="needs verl")
    path = make_artefact(rows, list(range(20))).path
    assert local_artefact(f"{path}/").path == path
    with pytest.raises(CurriculumError) as error:
        local_artefact(str(tmp_path / "nowhere"))
    assert socket.gethostname() in str(error.value) and f"{tmp_path}/nowhere" in str(error.value)


@pytest.mark.parametrize(
    ("address", "variable", "single"),
    [
        (None, None, True),
        ("local", None, True),
        ("auto", None, False),
        (None, "10.0.0.1:6379", False),
        (None, "local", True),
    ],
)
def test_a_named_ray_cluster_may_have_other_nodes(monkeypatch, address, variable, single) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable is not None:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    assert single_node(OmegaConf.create({"ray_kwargs": {"ray_init": {"address": address}}})) is single


@pytest.mark.e2e
def test_two_nodes_of_one_cluster_are_asked(monkeypatch) -> None:
    ray = pytest.importorskip("ray", reason="needs ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address)
        cluster.wait_for_nodes()
        check_nodes()
        monkeypatch.setattr("sparft_verl.verl_plugin.nodes.PACKAGES", (*PACKAGES, "no-such-package"))
        check_nodes()  # lacking everywhere is no difference
        monkeypatch.setattr("sparft_verl.verl_plugin.nodes.compare", lambda here, there: seen.update(there))
        seen: dict = {}
        check_nodes()
        assert len(seen) == 2 and all(found["verl"] != "not installed" for found in seen.values())
    finally:
        ray.shutdown()
        cluster.shutdown()
