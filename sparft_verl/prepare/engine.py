"""Where the heavy jobs of stage A run: here, or on the nodes of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.workers import LocalWorkers, Workers

KINDS = ("local", "ray")


@dataclass
class EngineConfig:
    """Who embeds and rolls out. It changes how long this takes, not what comes out."""

    kind: str = "local"
    """local (this process) or ray (Ray Data on a cluster, or on this machine when there is none)."""
    workers: int = 0
    """Ray workers, each with a model of its own; 0 takes as many as the cluster has room for."""
    cpus_per_worker: int = 1
    """CPUs of each Ray worker, and the threads it uses."""
    gpus_per_worker: float = 0.0
    """GPUs of each Ray worker; a fraction shares one."""
    address: str | None = None
    """Address of the Ray cluster; null takes RAY_ADDRESS, else the cluster of this machine, else starts one."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(self.kind in KINDS, f"engine.kind must be one of {', '.join(KINDS)}", repr(self.kind), fix)
        require(self.workers >= 0, "engine.workers must be 0 or more", self.workers, fix)
        require(
            self.cpus_per_worker >= 1, "engine.cpus_per_worker must be at least 1", self.cpus_per_worker, fix
        )
        require(
            self.gpus_per_worker >= 0, "engine.gpus_per_worker must be 0 or more", self.gpus_per_worker, fix
        )
        plain = EngineConfig.__dataclass_fields__
        for name in ("workers", "cpus_per_worker", "gpus_per_worker", "address"):
            require(
                self.kind == "ray" or getattr(self, name) == plain[name].default,
                f"engine.{name} is read by engine.kind=ray alone",
                f"engine.kind={self.kind}",
                "set engine.kind=ray",
            )

    def threads(self, local: int) -> int:
        """Return the CPU threads of one worker: `local` when it is this process."""
        return local if self.kind == "local" else self.cpus_per_worker


def make_workers(config: EngineConfig) -> Workers:
    """Return who does the jobs. PrepareError when Ray is asked for and cannot be had."""
    if config.kind == "local":
        return LocalWorkers()
    from sparft_verl.prepare.ray_engine import RayWorkers

    return RayWorkers(config.workers, config.cpus_per_worker, config.gpus_per_worker, config.address)
