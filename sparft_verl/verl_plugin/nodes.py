"""A run on several machines: the same software on each, and the artefact where it is read."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from sparft_verl.artefact import Artefact, ArtefactError, read_artefact
from sparft_verl.verl_plugin.errors import CurriculumError

PACKAGES = ("sparft-verl", "verl")


def check_nodes() -> None:
    """Raise CurriculumError unless every node of the Ray cluster has this one's sparft-verl, verl and Python.

    To be called where Ray is initialised. Costs nothing on a single node.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Defined here and not at the module's level, so that Ray sends the code: a node may lack the package.
    def versions(packages: tuple[str, ...]) -> dict[str, str]:
        import platform
        from importlib import metadata

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        for name in packages:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = "not installed"
        return found

    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    ask = ray.remote(num_cpus=0)(versions)
    answers = {
        f"{node['NodeManagerAddress']} ({node['NodeID'][:8]})": ask.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(PACKAGES)
        for node in nodes
    }
    compare(versions(PACKAGES), dict(zip(answers, ray.get(list(answers.values())), strict=True)))


def compare(here: Mapping[str, str], there: Mapping[str, Mapping[str, str]]) -> None:
    """Raise CurriculumError naming every node and package whose version is not the one `here`."""
    wrong = [
        f"{node} has {name} {found.get(name, 'not installed')}"
        for node, found in there.items()
        for name in here
        if found.get(name) != here[name]
    ]
    if wrong:
        wanted = ", ".join(f"{name} {version}" for name, version in here.items())
        raise CurriculumError(
            f"Every node of the Ray cluster needs the trainer's own versions ({wanted}), but {'; '.join(wrong)}. "
            "Install them there, in the Python that Ray runs with (see README, several nodes)."
        )


def local_artefact(path: str) -> Artefact:
    """Return the artefact at `path`, a folder that this node sees or an hdfs:// one, which verl copies here.

    Raises CurriculumError naming this node and the path.
    """
    from verl.utils.fs import copy_to_local

    try:
        return read_artefact(copy_to_local(path.rstrip("/")))
    except (ArtefactError, OSError) as error:
        raise CurriculumError(
            f"curriculum.artefact={path} cannot be read on node {socket.gethostname()}, where the trainer "
            f"runs: {error}. "
            "Put it on storage that every node sees, or copy it to that path on each of them."
        ) from error


def single_node(config: Any) -> bool:
    """Return whether the trainer can only run on this machine: no running Ray cluster is named anywhere."""
    from omegaconf import OmegaConf

    named = OmegaConf.select(config, "ray_kwargs.ray_init.address") or os.environ.get("RAY_ADDRESS")
    return not named or named == "local"
