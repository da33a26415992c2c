"""The smallest real run: the pretrained model under verl on this CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.e2e
@pytest.mark.skipif(
    "SPARFT_DATA" not in os.environ, reason="SPARFT_DATA names no folder with the public sets"
)
def test_one_step_of_the_real_model_leaves_a_whole_record(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("verl", reason="needs verl")
    target = tmp_path / "out.json"
    words = ["--quick", "--work", str(tmp_path / "work"), "--model", str(model), "--json", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pretrained", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(target.read_text())["runs"]
    assert run["held_out"]["step"] == [0, 1] and len(run["held_out"]["items"]["after"]) == 7
    assert sum(map(sum, run["arms"]["served"])) == run["spec"]["prompts"]
    assert run["seconds"]["median"] > 0 and 0 < run["overhead"]["percent"]["median"] < 100
