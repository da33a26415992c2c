"""What the compiled ops accept as an array."""

from __future__ import annotations

from typing import Any, Protocol


class Array(Protocol):
    """A NumPy array or, on the CPU or a CUDA device, whatever else exports DLPack (torch, cupy).

    It is read and written where it lies; nothing is copied or converted.
    """

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[Any, Any]: ...
