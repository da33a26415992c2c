"""Sittings add up: what has ended is not run again, what failed is said and run the next time."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.pretrained import __main__ as command
from benchmarks.pretrained.runs import Inputs, RunFailed
from benchmarks.pretrained.spec import Spec

from .records import record


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the runs that were started; model, data and verl are not touched."""
    names: list[str] = []

    def execute(spec: Spec, inputs: Inputs, work: Path, *, seconds: float) -> dict[str, Any]:
        names.append(spec.curriculum)
        if names.count("auto") == 1 and spec.curriculum == "auto":
            raise RunFailed("no memory")
        return record(spec.curriculum, spec.seed, [0, 0, 1], [1, 0, 1])

    monkeypatch.setattr(command, "execute", execute)
    monkeypatch.setattr(command, "provide", lambda folder, wheel: {"sha256": "weights"})
    monkeypatch.setattr(command.data, "provide", lambda out, sizes, copies: "rows")
    return names


def test_only_what_is_missing_is_run(
    started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    target = tmp_path / "new" / "out.json"
    words = ["--work", str(tmp_path / "work"), "--json", str(target)]
    assert command.main(words) == 1 and started == ["uniform", "auto"]
    assert "no memory" in capsys.readouterr().err
    assert [run["key"] for run in json.loads(target.read_text())["runs"]] == ["uniform-1"]
    assert command.main(words) == 0 and started[2:] == ["auto"]
    assert command.main(words) == 0 and len(started) == 3
    found = json.loads(target.read_text())
    assert len(found["runs"]) == 2 and found["suite"] == "smoke" and found["commit"]
    assert [line["method"] for line in found["table"]["all"]] == ["uniform", "auto"]
    assert "auto" in capsys.readouterr().out
