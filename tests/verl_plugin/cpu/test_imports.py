"""The finder that waits for somebody else's import."""

import sys
import threading
from pathlib import Path

import pytest

from sparft_verl.verl_plugin.imports import after_import


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that exists and has not been imported."""
    (tmp_path / "sparft_fresh_module.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sparft_fresh_module", raising=False)
    return "sparft_fresh_module"


def finders() -> list[object]:
    return [finder for finder in sys.meta_path if type(finder).__module__.startswith("sparft_verl")]


def test_the_callback_runs_once_after_the_module_and_the_finder_leaves(fresh: str) -> None:
    seen = []

    def callback() -> None:
        seen.append(sys.modules[fresh].VALUE)

    after_import(fresh, callback)
    after_import(fresh, callback)
    assert (seen, len(finders())) == ([], 1)
    module = __import__(fresh)
    assert (seen, finders()) == ([3], [])
    assert type(module.__loader__).__module__.startswith(("importlib", "_frozen_importlib"))
    assert module.__spec__.loader is module.__loader__


def test_an_imported_module_calls_back_at_once() -> None:
    seen = []
    after_import("json", lambda: seen.append(1))
    assert (seen, finders()) == ([1], [])


def test_a_failing_callback_is_printed_and_does_not_break_the_import(
    fresh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    later = []

    def broken() -> None:
        raise RuntimeError("no such registry")

    after_import(fresh, broken)
    after_import(fresh, lambda: later.append(1))
    assert __import__(fresh).VALUE == 3
    assert later == [1]
    assert "no such registry" in capsys.readouterr().err


def test_a_callback_may_wait_for_another_module(fresh: str, tmp_path: Path) -> None:
    (tmp_path / "sparft_second_module.py").write_text("")
    sys.modules.pop("sparft_second_module", None)
    seen = []
    after_import(fresh, lambda: after_import("sparft_second_module", lambda: seen.append(2)))
    __import__(fresh)
    assert seen == []
    __import__("sparft_second_module")
    assert (seen, finders()) == ([2], [])


def test_a_module_that_does_not_exist_still_fails_as_always() -> None:
    after_import("sparft_module_that_is_not", lambda: None)
    try:
        with pytest.raises(ModuleNotFoundError, match="sparft_module_that_is_not"):
            __import__("sparft_module_that_is_not")
    finally:
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in finders()]


def test_threads_that_import_at_the_same_time_cause_one_call(fresh: str) -> None:
    seen = []
    after_import(fresh, lambda: seen.append(1))
    threads = [threading.Thread(target=__import__, args=(fresh,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1]
