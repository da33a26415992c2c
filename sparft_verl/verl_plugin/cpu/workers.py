"""verl's training workers, started on a process group that exists on a machine without an accelerator."""

from typing import Any

import ray
from verl.experimental.separation.engine_workers import DetachActorWorker
from verl.utils.distributed import initialize_global_process_group_ray
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker


class CpuTrainingWorker(TrainingWorker):
    """Opens the process group before verl does.

    verl would ask torch for "cpu:gloo,<device>:<backend>", which names the cpu twice here and is refused; it
    leaves a group that exists already as it is.
    """

    def __init__(self, config: Any) -> None:
        initialize_global_process_group_ray(backend="cpu:gloo")
        super().__init__(config)


class CpuActorRolloutRefWorker(ActorRolloutRefWorker):
    """Actor, rollout and reference of the modes in which they share a process."""

    actor_worker_cls = CpuTrainingWorker
    ref_worker_cls = CpuTrainingWorker


class CpuDetachActorWorker(DetachActorWorker):
    """Actor of the mode in which the rollout is somewhere else."""

    actor_worker_cls = CpuTrainingWorker
    ref_worker_cls = CpuTrainingWorker


_CPU_CLASSES = (CpuDetachActorWorker, CpuActorRolloutRefWorker, CpuTrainingWorker)


def on_cpu(worker: Any) -> Any:
    """Return the Ray actor class that does on a CPU what `worker`, one of verl's Ray actor classes, does.

    A class that is one of ours already comes back unchanged. Raises TypeError for a class of another origin:
    what it would do to its process group is unknown.
    """
    # `ray.remote(cls)` is an object whose type inherits from cls.
    if isinstance(worker, _CPU_CLASSES):
        return worker
    for cpu in _CPU_CLASSES:
        if isinstance(worker, cpu.__base__):
            return ray.remote(cpu)
    raise TypeError(
        f"There is no CPU counterpart of the worker class {worker!r}; known are "
        f"{', '.join(cpu.__base__.__name__ for cpu in _CPU_CLASSES)}. "
        "Use the actor and critic workers that verl ships, or run this configuration on a GPU."
    )
