"""The kernel benchmark runs, its JSON says what was measured on what, and its clock is fair."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.kernel.floor import Floor
from benchmarks.kernel.timing import side_by_side

ROOT = Path(__file__).parents[2]


def test_a_tiny_run_writes_every_field_and_ends_with_the_ratios(tmp_path: Path) -> None:
    target = tmp_path / "out" / "kernel.json"
    command = [
        *(sys.executable, "-m", "benchmarks.kernel"),
        "--tiny",
        "--only",
        "prompts",
        "--json",
        str(target),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(target.read_text())
    assert result["kind"] == "tiny"
    assert {"cpu", "cores", "load_before", "load_after"} <= result["machine"].keys()
    assert result["versions"]["numpy"] != "absent"
    assert result["commit"]
    assert result["backend"].startswith("bandit: cpu")
    assert [row["threads"] for row in result["rows"]] == [1, 2]
    for row in result["rows"]:
        assert row["seconds"].keys() == {"ours", "numpy"}
        assert row["times_faster_than"]["numpy"] == row["seconds"]["numpy"] / row["seconds"]["ours"]
        assert row["times_the_floor"] == row["seconds"]["ours"] / row["floor_seconds"]
        assert row["draws"] == row["shape"]["prompts"]
        assert row["bytes"] >= 16 * row["draws"]
    assert min(result["floor_seconds_per"]["prompts"].values()) > 0
    assert done.stdout.splitlines()[-1].strip().startswith("prompts")


def test_a_failing_family_ends_the_run_and_writes_no_result(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "benchmarks.kernel.child"),
        "prompts",
        "65",
        "tiny",
        str(tmp_path / "rows"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "threads = 65 is out of range" in done.stderr
    assert not (tmp_path / "rows").exists()


def test_calls_are_timed_in_turn_and_the_slower_one_is_seen() -> None:
    calls: list[str] = []
    seconds, rounds = side_by_side(
        {
            "slow": lambda: (calls.append("slow"), time.sleep(4e-3)),
            "quick": lambda: (calls.append("quick"), time.sleep(1e-3)),
        },
        budget=0.0,
    )
    assert rounds == 3
    assert seconds["slow"] > 2 * seconds["quick"]
    assert calls[-6:] == ["slow", "quick", "quick", "slow", "slow", "quick"]


def test_the_floor_is_the_dearer_of_draws_and_memory() -> None:
    floor = Floor(word=1.0, normal=2.0, byte=1.0)
    assert floor.of(normals=10, bytes=5) == (pytest.approx(20.0), "normals")
    assert floor.of(normals=10, bytes=15, threads=2) == (pytest.approx(15.0), "bytes")
