"""The heavy jobs of stage A on a Ray cluster, dealt to a pool of actors by Ray Data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.workers import Job

# An actor holds one job and has the next one at hand; more would wait behind a slow actor.
_IN_FLIGHT = 2


class RayWorkers:
    """A pool of actors; each builds once what does its jobs. Results come in the order they are finished.

    Every node must have this package, its dependencies and the model. An actor that dies, with its node or for
    want of memory, is started again and its jobs are repeated.
    """

    def __init__(self, workers: int, cpus: int, gpus: float, address: str | None) -> None:
        """`workers` actors with `cpus` and `gpus` each, 0 for as many as there is room for; see EngineConfig."""
        self.workers, self.cpus, self.gpus, self.address = workers, cpus, gpus, address

    def map(self, build: Callable[[], Callable[[Any], Any]], jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield (number, result) of every job as it is finished. Raises the PrepareError a worker raised."""
        waiting = list(jobs)
        if not waiting:
            return
        ray = _connect(self.address)
        pool = min(self._room(ray.nodes()), len(waiting))
        rows = [{"number": number, "value": _Box(value)} for number, value in waiting]
        with _settings(ray.data.DataContext.get_current()):
            data = ray.data.from_items(rows, override_num_blocks=len(rows))
        done = data.map_batches(
            _Actor,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(build,),
            num_cpus=self.cpus,
            num_gpus=self.gpus or None,
            compute=ray.data.ActorPoolStrategy(size=pool, max_tasks_in_flight_per_actor=_IN_FLIGHT),
        )
        for batch in done.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
            for number, box in zip(batch["number"], batch["result"], strict=True):
                if isinstance(box.value, PrepareError):
                    raise box.value
                yield int(number), box.value

    def _room(self, nodes: list[dict[str, Any]]) -> int:
        """Return how many workers to start. PrepareError when there is no room: Ray itself would wait for ever."""
        room = 0
        for node in nodes:
            has = node["Resources"] if node["Alive"] else {}
            fits = has.get("CPU", 0) // self.cpus
            room += int(min(fits, has.get("GPU", 0) // self.gpus) if self.gpus else fits)
        require(
            room >= max(1, self.workers),
            f"the Ray cluster must have room for {self.workers or 'at least one'} worker(s) with "
            f"engine.cpus_per_worker={self.cpus} and engine.gpus_per_worker={self.gpus:g}",
            f"room for {room} on {len(nodes)} node(s)",
            "ask for less, or start more nodes first",
        )
        return self.workers or room


@contextmanager
def _settings(context: Any) -> Iterator[None]:
    """Let the data sets made here take these settings, and those of the caller keep theirs."""
    ours: dict[str, Any] = {
        "enable_progress_bars": False,  # stage A has its own
        "print_on_execution_start": False,
        "enable_fallback_to_arrow_object_ext_type": True,  # _Box is one; said, it needs no warning
    }
    before: dict[str, Any] = {name: getattr(context, name, None) for name in ours}
    try:
        for name, value in ours.items():
            setattr(context, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(context, name, value)


class _Box:
    """Keeps a value as the Python object it is; Ray Data would turn lists and arrays into columns."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Actor:
    """One worker. What goes wrong by our own rules is a result, so that the user reads the rule and no trace."""

    def __init__(self, build: Callable[[], Callable[[Any], Any]]) -> None:
        self.do: Callable[[Any], Any] | None = None
        try:
            self.do = build()
        except PrepareError as e:
            self.failure = e

    def __call__(self, batch: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
        if self.do is None:
            result: Any = self.failure
        else:
            try:
                result = self.do(batch["value"][0].value)
            except PrepareError as e:
                result = e
        return {"number": batch["number"], "result": [_Box(result)]}


def _connect(address: str | None) -> Any:
    """Return the module `ray`, connected; a cluster this process is connected to already is taken as it is."""
    try:
        import ray
        import ray.data
    except ImportError as e:
        raise PrepareError(
            f"engine.kind=ray needs Ray with Ray Data, but {e}; install ray[data], or use engine.kind=local"
        ) from e
    if not ray.is_initialized():
        try:
            ray.init(address=address)
        except (ConnectionError, RuntimeError, ValueError) as e:
            raise PrepareError(
                f"engine.address={address} must be a running Ray cluster, but {e}; start it, or leave the "
                "address out to start one on this machine"
            ) from e
    return ray
