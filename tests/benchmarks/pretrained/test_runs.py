"""A run's life around verl: what is kept of an earlier sitting, what is read at the end, what a failure leaves."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.pretrained import runs
from benchmarks.pretrained.runs import Inputs, RunFailed, execute, keep_metrics
from benchmarks.pretrained.spec import smoke

SPEC = smoke(quick=False)[0]


@pytest.fixture
def inputs(held_out: Path) -> Inputs:
    return Inputs(held_out.parent / "model", "sha", held_out.parent, "rows")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a few lines of shell in the place of run.sh: what they would start is tested by the smoke run itself."""

    def write(text: str) -> None:
        (tmp_path / "script.sh").write_text(text)
        monkeypatch.setattr(runs, "SCRIPT", tmp_path / "script.sh")

    return write


def test_a_finished_run_gives_a_record_and_no_checkpoint(
    script: Callable[[str], None], inputs: Inputs, run_folder: Callable[[Path], Path], tmp_path: Path
) -> None:
    made = run_folder(tmp_path / "made")
    (made / "global_step_2").mkdir()
    script(f'cp -r {made}/. "$OUT"; echo "$CURRICULUM $SEED $STEPS $MODEL"')
    record = execute(SPEC, inputs, tmp_path / "work", seconds=60)
    out = tmp_path / "work" / "runs" / record["key"]
    assert (out / "log.txt").read_text() == f"uniform 1 2 {inputs.model}\n"
    assert record["key"] == inputs.key(SPEC) and record["spec"]["arms"] == "categories"
    assert record["held_out"]["accuracy"]["all"] == [0.25, 0.5, 0.75] and record["rollout"] == "hf_cpu"
    assert record["versions"]["torch"] != "absent" and record["machine"]["cores"] and record["commit"]
    assert not (out / "global_step_2").exists()


def test_a_failed_run_says_what_was_printed_last(
    script: Callable[[str], None], inputs: Inputs, tmp_path: Path
) -> None:
    script("echo no such model; exit 3")
    with pytest.raises(RunFailed, match=r"(?s)ended with 3.*no such model"):
        execute(SPEC, inputs, tmp_path, seconds=60)


def test_a_run_that_hangs_is_ended_with_its_children(
    script: Callable[[str], None], inputs: Inputs, tmp_path: Path
) -> None:
    script('sleep 600 & echo $! >"$OUT/child"; wait')
    start = time.monotonic()
    with pytest.raises(RunFailed, match="hung"):
        execute(SPEC, inputs, tmp_path, seconds=3)
    child = int((tmp_path / "runs" / inputs.key(SPEC) / "child").read_text())
    assert time.monotonic() - start < 30
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_metrics_of_interrupted_sittings_are_numbered(tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / "metrics.jsonl").write_text(text)
        keep_metrics(tmp_path)
    keep_metrics(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "metrics-000.jsonl": "first",
        "metrics-001.jsonl": "second",
    }


def test_equal_runs_have_equal_names(inputs: Inputs) -> None:
    assert inputs.key(SPEC) != inputs.key(replace(SPEC, seed=2))
    assert inputs.key(SPEC) != replace(inputs, model_sha256="other").key(SPEC)
