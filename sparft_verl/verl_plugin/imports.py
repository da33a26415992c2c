"""Run something right after another module has been imported, without importing it ourselves."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # importing these takes longer than everything below, and is rarely needed
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

Callback = Callable[[], object]

# Re-entrant: a callback may itself import, and thereby reach the finder again in the same thread.
_lock = threading.RLock()


class _Loader:
    """The real loader of one module, followed by our call-backs."""

    def __init__(self, real: Loader, finder: _Finder) -> None:
        self._real = real
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Put back what everybody else expects to find on the module (inspect, pickle, importlib.resources).
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        self._real.exec_module(module)
        self._finder.finish(module.__name__)


class _Finder:
    """Waits for the modules somebody asked about and leaves `sys.meta_path` when all have come."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Callback]] = {}
        self._searching = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.waiting or getattr(self._searching, "name", None) == fullname:
            return None
        import importlib.util

        self._searching.name = fullname
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching.name = None
        if spec is not None and spec.loader is not None:
            spec.loader = cast(Any, _Loader(spec.loader, self))
        return spec

    def finish(self, name: str) -> None:
        with _lock:
            callbacks = self.waiting.pop(name, [])
            if not self.waiting and self in sys.meta_path:
                sys.meta_path.remove(self)
        for callback in callbacks:
            _call(name, callback)


_finder = _Finder()


def _call(name: str, callback: Callback) -> None:
    try:
        callback()
    except Exception:
        # The import that triggered us is somebody else's and must succeed; verl would log this at DEBUG only.
        print(f"sparft_verl: registration after the import of {name} failed:", file=sys.stderr)
        traceback.print_exc(file=sys.stderr)


def after_import(name: str, callback: Callback) -> None:
    """Call `callback()` once, right after module `name` has been executed; at once when it already was.

    The same call-back object asked for twice before the import runs once. A failure is printed to stderr
    and does not reach the import. Costs microseconds: a finder on `sys.meta_path` that removes itself when
    the last awaited module has come. Raises RuntimeError when the module is half-way through its import.
    """
    with _lock:
        module = sys.modules.get(name)
        running = getattr(getattr(module, "__spec__", None), "_initializing", False)
        if running and name not in _finder.waiting:
            raise RuntimeError(f"the import of {name} is under way already; ask for it before it starts")
        if module is None or running:
            waiting = _finder.waiting.setdefault(name, [])
            if callback not in waiting:
                waiting.append(callback)
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
            return
    _call(name, callback)
