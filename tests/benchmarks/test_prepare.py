"""The benchmark of stage A runs, and its JSON says what was measured on what."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.prepare import clouds, meaning

ROOT = Path(__file__).parents[2]


def test_a_tiny_run_writes_every_part_and_ends_with_the_ratios(tmp_path: Path) -> None:
    target = tmp_path / "out" / "prepare.json"
    without = {name: value for name, value in os.environ.items() if name != "SPARFT_DATA"}
    command = [sys.executable, "-m", "benchmarks.prepare", "--tiny", "--json", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=without)
    assert done.returncode == 0, done.stderr
    result = json.loads(target.read_text())
    assert result["kind"] == "tiny" and result["commit"] and "real data" in result["absent"]
    assert {"cpu", "cores", "load_before", "load_after"} <= result["machine"].keys()
    fixed, auto = result["stages"]
    assert {"read", "features", "cluster", "select", "tables", "write"} <= fixed["seconds"].keys()
    assert min(fixed["seconds"].values()) >= 0 and fixed["rows"] == 500
    assert fixed["stability"] is None and auto["stability"][0]["k"] == 4
    assert [row["weight"] for row in result["meaning"]] == [0.0, 0.5, 1.0, 2.0]
    assert all(-0.5 <= row["ari"] <= 1 and 0 <= row["eta_squared"] <= 1 for row in result["meaning"])
    assert [row["rows"] for row in result["curve"]] == [500, 1000]
    for row in result["kmeans"]:
        ours = row["seconds"]["ours"]
        for name, ratio in row["times_faster_than"].items():
            assert ratio == row["seconds"][name] / ours
        assert row["seconds"].keys() == row["inertia"].keys() >= {"ours", "scikit-learn random"}
    assert "4 starts" in done.stdout.splitlines()[-1]


def test_embeddings_of_any_size_are_the_same_each_time(tmp_path: Path) -> None:
    made = [np.array(clouds.write_embeddings(tmp_path / f"{i}.npy", 9000, 6)) for i in range(2)]
    assert made[0].shape == (9000, 6) and made[0].dtype == np.float32
    assert (made[0] == made[1]).all() and np.isfinite(made[0]).all()
    assert len(np.unique(made[0], axis=0)) == 9000


def test_arms_agree_with_families_that_share_no_words() -> None:
    text = [
        f"{words} number{i % 5}"
        for words in ("add these up", "knight or knave", "find an angle")
        for i in range(40)
    ]
    family = [word for word in ("a", "b", "c") for _ in range(40)]
    level = np.tile(np.linspace(0, 1, 40), 3)
    rows = meaning.measure("words", meaning.Labelled(text, family, level), 1)
    assert rows[0]["weight"] == 0.0 and rows[0]["ari"] == 1.0 and rows[0]["eta_squared"] < 0.01
    assert rows[-1]["eta_squared"] > 0.2
