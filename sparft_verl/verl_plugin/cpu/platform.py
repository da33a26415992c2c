"""The `cpu` platform: what verl asks of an accelerator, answered by the host."""

import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from verl.plugin.platform.platform_base import PlatformBase

_ZERO = (
    "memory_allocated",
    "memory_reserved",
    "max_memory_allocated",
    "max_memory_reserved",
    "current_device",
)
_NOTHING = (
    "empty_cache",
    "synchronize",
    "set_device",
    "ipc_collect",
    "reset_peak_memory_stats",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "set_per_process_memory_fraction",
)


class _CpuDevice(types.ModuleType):
    """`torch.cpu` plus the memory and random-state calls that verl makes on any device module."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.cpu, name)


def _device_module() -> types.ModuleType:
    module = _CpuDevice("sparft_verl_cpu_device")
    calls: dict[str, Any] = {name: lambda *_, **__: 0 for name in _ZERO}
    calls |= {name: lambda *_, **__: None for name in _NOTHING}
    calls |= {
        "mem_get_info": lambda *_, **__: (0, 0),
        # False makes verl skip the device's random states and memory snapshots in checkpoints and logs.
        "is_available": lambda: False,
        "device_count": lambda: 1,
        # "CPU" is a name that verl's FLOPS table knows.
        "get_device_name": lambda *_, **__: "CPU",
        "manual_seed": torch.manual_seed,
        "manual_seed_all": torch.manual_seed,
        "get_rng_state": lambda *_, **__: torch.get_rng_state(),
        "set_rng_state": lambda state, *_, **__: torch.set_rng_state(state),
    }
    for name, call in calls.items():
        setattr(module, name, call)
    return module


_DEVICE = _device_module()


class PlatformCpu(PlatformBase):
    """One CPU device per process; collectives over gloo."""

    @property
    def device_name(self) -> str:
        return "cpu"

    @property
    def vendor_name(self) -> str:
        return "generic"

    @property
    def device_module(self) -> types.ModuleType:
        return _DEVICE

    def is_available(self) -> bool:
        return True

    def current_device(self) -> Any:
        # Annotated as int in verl, but only ever used as `.to(...)`, where an int means a CUDA index.
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None: ...

    def synchronize(self, device_index: int | None = None) -> None: ...

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None: ...

    def empty_cache(self) -> None: ...

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None: ...

    def profiler_stop(self) -> None: ...

    def ray_resource_name(self) -> str:
        # verl's ResourcePoolManager counts only Ray resources called GPU or NPU. `ray_init.num_gpus` declares
        # logical ones, a book-keeping number; no device is touched.
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None
