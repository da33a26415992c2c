"""`sparft doctor --rewards` on verl's own configuration, data set class, reward managers and scorers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl import doctor

pytest.importorskip("verl", reason="needs verl")

POLICY = Path(__file__).parents[1] / "recipes" / "tiny_cpu" / "policy"

REWARDS = """
def signed(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    right = solution_str.strip() == ground_truth
    return {"score": 1.0 if right else -1.0, "acc": right}

def three(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    if not solution_str.strip():
        return -3.0
    return 3.0 if solution_str.strip() == ground_truth else -1.5

def partial(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return 1.0 if solution_str.strip() == ground_truth else 0.1

def odd_acc(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return {"score": 0.5, "acc": 3.0}

def fragile(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return 1.0 if int(solution_str) == int(ground_truth) else 0.0

def arrow(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return float(solution_str == "so => " + ground_truth)

def last_of(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return float(solution_str == ground_truth["target"][-1])

async def later(data_source, solution_str, ground_truth, bonus=0.0, **kwargs):
    return {"score": float(solution_str == ground_truth) + bonus}
"""


def row(text: str, answer: object, source: str = "toy/sum") -> dict:
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": text}],
        "ability": "arithmetic",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"split": "train"},
    }


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run `sparft doctor --rewards` on some rows; return its status, the lines of stdout, and stderr."""
    (tmp_path / "reward.py").write_text(REWARDS)

    def ask(*arguments: str, reward: str | None = None, rows: list[dict] | None = None):
        rows = [row(f"{i} + 1 = ?", str(i + 1)) for i in range(30)] if rows is None else rows
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
        own = [f"data.train_files={tmp_path}/train.parquet", f"actor_rollout_ref.model.path={POLICY}"]
        if reward is not None:
            own += [
                f"reward.custom_reward_function.path={tmp_path}/reward.py",
                f"reward.custom_reward_function.name={reward}",
            ]
        capsys.readouterr()
        status = doctor.main(["--rewards", *own, *arguments])
        shown = capsys.readouterr()
        return status, shown.out.splitlines(), shown.err

    return ask


def table(lines: list[str]) -> list[list[str]]:
    return [words for line in lines if (words := line.split()) and words[0].isdigit()]


def test_the_verdict_beside_a_signed_score_is_the_success(ask) -> None:
    status, lines, _ = ask(reward="signed")
    assert status == 0 and lines[-1].startswith("ok")
    shown = table(lines)
    assert len(shown) == 20
    # row, source, answer, then score / acc / success, wrong score / success, empty score / success
    assert shown[4] == ["4", "toy/sum", "5", "1", "1", "1", "-1", "0", "-1", "0"]


def test_a_score_from_minus_3_to_3_stops_until_a_range_says_how_it_is_read(ask) -> None:
    status, lines, _ = ask(reward="three")
    assert status == 1
    assert table(lines)[0][5:] == ["STOPS", "-1.5", "STOPS", "-3", "STOPS"]
    (failure,) = [line for line in lines if line.startswith("FAIL")]
    assert "row 0 (toy/sum), answer '1'" in failure and "gave score = 3" in failure
    assert "setting: curriculum.success" in failure

    status, lines, _ = ask(
        "+curriculum=sparft", "+curriculum.success={toy/sum:{range:[-3,3]}}", reward="three"
    )
    assert status == 0
    assert table(lines)[0][3:] == ["3", "-", "1", "-1.5", "0.25", "-3", "0"]
    assert any(
        line.startswith("note  toy/sum: a wrong or empty answer counts as a success of 0.25")
        for line in lines
    )


def test_partial_credit_passes_and_is_pointed_out(ask) -> None:
    status, lines, _ = ask(reward="partial")
    assert status == 0
    assert table(lines)[0][3:] == ["1", "-", "1", "0.1", "0.1", "0.1", "0.1"]
    assert "counts as a success of 0.1" in "".join(lines)
    status, lines, _ = ask("+curriculum=sparft", "+curriculum.success={*:{threshold:1.0}}", reward="partial")
    assert status == 0 and table(lines)[0][3:] == ["1", "-", "1", "0.1", "0", "0.1", "0"]
    assert not any(line.startswith("note") for line in lines)


def test_verls_own_scorers_get_the_answer_in_the_form_they_look_for(ask) -> None:
    # forty rows of one source before the first of the others: each has its share of the twenty all the same
    sources = ["openai/gsm8k"] * 40 + ["math_dapo", "lighteval/MATH"] * 2
    status, lines, _ = ask(rows=[row(f"{i} + 1 = ?", str(i + 1), source) for i, source in enumerate(sources)])
    assert status == 0
    shown = {words[1]: words for words in table(lines)}
    assert len(table(lines)) == 20
    assert shown["openai/gsm8k"][2:] == ["####", "16", "1", "-", "1", "0", "0", "0", "0"]
    assert shown["math_dapo"][-7:] == ["1", "1", "1", "-1", "0", "-1", "0"]
    assert shown["lighteval/MATH"][2] == "\\boxed{44}" and shown["lighteval/MATH"][-5] == "1"


def test_a_source_without_a_scorer_is_named_as_verl_names_it(ask) -> None:
    status, lines, _ = ask(rows=[row("1 + 1 = ?", "2", "my/own")])
    assert status == 1
    assert "NotImplementedError: Reward function is not implemented for data_source='my/own'" in lines[-1]


def test_a_verdict_outside_0_to_1_stops_and_says_that_it_was_the_verdict(ask) -> None:
    status, lines, _ = ask(reward="odd_acc")
    assert status == 1 and "reward_extra_info.acc = 3" in lines[-1]


def test_a_reward_function_that_raises_for_some_answers_is_a_failure(ask) -> None:
    status, lines, _ = ask(reward="fragile")
    assert status == 1
    assert table(lines)[0][3:6] == ["1", "-", "1"]  # the plain form is fine, and still the run is not
    assert any("raised ValueError: invalid literal" in line for line in lines)


def test_a_form_of_the_tasks_own_can_be_given(ask) -> None:
    status, lines, _ = ask("--rows", "3", reward="arrow")
    assert status == 0 and "the reference answer succeeds no more (0) than a wrong one (0)" in "".join(lines)
    status, lines, _ = ask("--rows", "3", "--form", "so => {}", reward="arrow")
    assert status == 0 and [words[-7] for words in table(lines)] == ["1"] * 3
    assert not any(line.startswith("note") for line in lines)


def test_reward_kwargs_and_async_functions_are_verls_business_and_work(ask) -> None:
    status, lines, _ = ask("+reward.custom_reward_function.reward_kwargs.bonus=-0.5", reward="later")
    assert status == 1 and "gave score = -0.5" in lines[-1]


def test_several_reference_answers_are_all_tried(ask) -> None:
    rows = [row("1 + 1 = ?", {"target": ["two", "2"]}), row("2 + 1 = ?", {"target": ["three", "3"]})]
    status, lines, _ = ask(reward="last_of", rows=rows)
    assert status == 0
    assert table(lines)[0][2:] == ["2", "1", "-", "1", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["custom_reward_function.path=x.py"], "Write it under reward.custom_reward_function"),
        (["reward_model.reward_manager=dapo"], "reward_model.reward_manager is not read"),
        (["reward.reward_model.enable=True"], "the scores come from a model server"),
        (["data.train_fils=x.parquet"], "does not fit verl's configuration"),
        (["data.train_files=nowhere.parquet"], "verl cannot load data.train_files=nowhere.parquet"),
        (["actor_rollout_ref.model.path=nowhere"], "actor_rollout_ref.model.path=nowhere"),
        (["reward.custom_reward_function.path=nowhere.py"], "reward.custom_reward_function.path=nowhere.py"),
        (["+curriculum=sparft", "+curriculum.success={x:{treshold:1}}"], "treshold"),
        (
            ["+curriculum=sparft", "curriculum.success=1.0"],
            "curriculum.success maps data sources to rules, got 1.0",
        ),
        (["--form", "answer"], "--form must hold {}"),
        (["--rows", "0"], "--rows must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_its_setting(ask, arguments, message) -> None:
    status, lines, errors = ask(*arguments)
    assert status == 2 and lines == []
    assert message in errors.replace("\n", " ")


def test_without_the_flag_overrides_are_refused(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        doctor.main(["data.train_files=x"])
    assert stopped.value.code == 2 and "--rewards" in capsys.readouterr().err
