"""verl's dumps scored again by lighteval: the dumps it writes, and, where lighteval is installed, its own metric."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from recipes.collect import main as collect
from recipes.evaluation.extractive_match import DumpError, dump_of, rescore

from .perturb import BOXED, other_number

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SPARFT_DATA", "nowhere"))
VENV = Path(os.environ.get("LIGHTEVAL_VENV", ROOT / "build" / "lighteval"))


def dump(run: Path, *records: dict) -> Path:
    (run / "validation").mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record) + "\n" for record in records)
    (run / "validation" / "20.jsonl").write_text(text)
    return run


def record(item: str, output: str, gts: str, score: float, **more: float) -> dict:
    return {"input": item, "output": output, "gts": gts, "score": score, "step": 20, **more}


def test_verls_score_is_kept_beside_the_new_one_and_acc_which_would_win_goes(tmp_path):
    run = dump(tmp_path / "m-1", record("a", "so 7", "7", -1.0, acc=0.0), record("b", "8", "9", 1.0))
    found = list(rescore(dump_of(run, None), lambda truth, response: float(response.endswith(truth))))
    assert [(one["score"], one["verl_score"], "acc" in one) for one in found] == [
        (1.0, 0.0, False),
        (0.0, 1.0, False),
    ]


def test_a_torn_dump_and_a_step_that_was_not_validated_are_named(tmp_path):
    run = dump(tmp_path / "m-1", {"input": "a", "score": 1.0})
    with pytest.raises(DumpError, match=r"20.jsonl, line 1, must be a record of verl's validation.*'gts'"):
        list(rescore(dump_of(run, None), lambda *_: 1.0))
    with pytest.raises(DumpError, match=r"must hold validation/7.jsonl, but was validated at \[20\]"):
        dump_of(run, 7)


needs_lighteval = pytest.mark.skipif(
    not (VENV / ".installed").is_file(), reason="recipes/evaluation/lighteval.sh has not installed lighteval"
)


def by_lighteval(*arguments: object) -> str:
    """Return what the script prints."""
    script = ROOT / "recipes" / "evaluation" / "lighteval.sh"
    done = subprocess.run(
        ["bash", str(script), *map(str, arguments)],
        env={**os.environ, "LIGHTEVAL_VENV": str(VENV)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_lighteval
def test_lightevals_own_metric_scores_a_dump_that_collect_then_reads(tmp_path):
    run = dump(
        tmp_path / "sparft-1",
        record("a", "The answer follows.\n#### 72", "72", 1.0),
        record("b", "So \\boxed{0.5}", "\\frac{1}{2}", 0.0),
        record("c", "So \\boxed{3}", "4", 0.0),
    )
    (run / "metrics.jsonl").write_text('{"step": 20, "data": {"perf/total_num_tokens": 9}}\n')
    out, found = tmp_path / "again", tmp_path / "found.json"
    said = by_lighteval("--out", out, "--json", found, run)
    assert "3 answers, verl 0.3333, lighteval 0.6667, 1 disagreements" in said
    (one,) = json.loads(found.read_text())[str(run)]
    assert (one["gts"], one["verl_score"], one["score"]) == ("\\frac{1}{2}", 0.0, 1.0)
    assert collect([str(out / "sparft-1"), "--json", str(tmp_path / "c.json")]) == 0
    (line,) = json.loads((tmp_path / "c.json").read_text())["all"]
    assert line["mean"] == pytest.approx(2 / 3) and line["tokens"] == 9


@needs_lighteval
@pytest.mark.skipif(not DATA.is_dir(), reason="SPARFT_DATA names no folder with the public sets")
@pytest.mark.parametrize("name", ["math500", "aime24"])
def test_lighteval_and_verl_agree_on_gold_and_wrong_answers_but_for_the_recorded_ones(name, tmp_path):
    from recipes import maths

    rows = {"math500": maths.math500, "aime24": maths.aime24}[name](DATA)
    truths = [one["reward_model"]["ground_truth"] for one in rows]
    gold = [record(t, BOXED.format(t), t, 1.0) for t in truths]
    wrong = [record(t, BOXED.format(other_number(t)), t, 0.0) for t in truths]
    found = tmp_path / "found.json"
    runs = [dump(tmp_path / "gold", *gold), dump(tmp_path / "wrong", *wrong)]
    by_lighteval("--out", tmp_path / "again", "--json", found, *runs)
    in_gold, in_wrong = json.loads(found.read_text()).values()
    assert in_gold == []
    pairs = [[one["gts"], other_number(one["gts"])] for one in in_wrong]
    recorded = ROOT / "recipes" / "rewards" / "disagreements.json"
    assert pairs == json.loads(recorded.read_text()).get(f"lighteval_{name}", [])
