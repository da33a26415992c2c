"""Another policy's value: the truth where it can be computed, and silence where it cannot be known."""

import json

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig
from sparft_verl.replay import Sample, load, main, walk
from sparft_verl.replay.answer import compare

RATES = np.array([0.1, 0.35, 0.6, 0.85])


def test_the_estimate_worked_by_hand():
    """Weights 1, 3 of outcomes 0, 1: value 3/4; residuals -3/4, 3/4; error sqrt(2 * 2 * 9/16) / 4; ess 16/10."""
    sample = Sample(np.array([1.0, 3.0]), np.array([0, 1]))
    value = sample.estimate(np.array([0.0, 1.0]))
    assert value.mean == 0.75 and sample.ess == pytest.approx(1.6) and sample.mean_weight == 2.0
    assert value.error == pytest.approx(np.sqrt(2 * (0.75**2 + 0.75**2)) / 4)


def test_slots_of_one_proposal_that_move_together_count_once():
    apart = Sample(np.ones(40), np.arange(40)).estimate(np.arange(40) % 2.0)
    together = Sample(np.ones(40), np.repeat(np.arange(4), 10)).estimate(np.repeat([0.0, 1.0, 0.0, 1.0], 10))
    assert together.mean == apart.mean and together.error > 3 * apart.error


@pytest.mark.parametrize(
    ("logged", "other"),
    [
        ({"method": "sec", "tau": 1.0}, {"method": "uniform"}),
        ({"method": "sec", "tau": 1.0, "quota": {"maths": 0.8}}, {"method": "uniform"}),
        ({"method": "sparft_target", "floor": 0.1}, {"method": "sparft", "floor": 0.2}),
        ({"method": "uniform"}, {"method": "sec", "tau": 0.3}),
        ({"method": "uniform"}, {"method": "sparft_target", "floor": 0.15}),
        ({"method": "sparft", "choice": "batch", "floor": 0.2, "sigma": 2.0}, {"method": "uniform"}),
    ],
    ids=lambda config: "-".join(str(value) for value in config.values()),
)
def test_the_value_is_the_truth_within_its_error_over_seeds(tmp_path, run_bandit, bandit_arms, logged, other):
    """Truth: sum over arms of the probability that the other policy gives it times its solve rate, over the steps."""
    arms, scores, errors, naive = bandit_arms(), [], [], []
    for seed in range(24):
        path = tmp_path / str(seed) / "journal.jsonl"
        run_bandit(path, arms=arms, steps=30, world=seed, advantages=False, seed=seed, **logged)
        seen = walk(load(path), CurriculumConfig.of({**other, "seed": seed + 1}))
        truth = float(np.mean([odds @ RATES for odds in seen.odds]))
        sample, success, _ = seen.sample()
        assert sample.refusal() is None
        value = sample.estimate(success)
        scores.append((value.mean - truth) / value.error)
        errors.append(value.mean - truth)
        naive.append(success.mean() - truth)
    # of a right error the scores have mean 0 and deviation 1; so few proposals make it a little small
    assert abs(np.mean(scores)) < 3.5 / np.sqrt(24) and 0.6 < np.std(scores) < 1.6
    assert abs(np.mean(errors)) < 0.02
    if other["method"] == "uniform" and logged["method"] == "sparft":
        assert abs(np.mean(naive)) > 0.05  # what was logged is not the answer


def test_the_logged_policy_itself_is_worth_what_was_logged(tmp_path, run_bandit, bandit_arms):
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=10, method="sec", tau=1.0)
    answer = compare(load(path), CurriculumConfig.of(method="sec", tau=1.0))
    assert answer["slots"]["effective"] == pytest.approx(160, rel=1e-3)
    for value in answer["value"].values():
        assert value["other"]["mean"] == pytest.approx(value["logged"]["mean"], rel=1e-3)
    assert all(p["logged_share"] == p["other_share"] for p in answer["proposals"])


@pytest.mark.parametrize(
    ("logged", "other", "why"),
    [
        (
            {"method": "sparft", "sigma": 0.05},
            {"method": "sparft_target", "target": 1.0},
            "hardly ever|effective",
        ),
        ({"method": "sequential"}, {"method": "uniform"}, "certain"),
        ({"method": "mopps"}, {"method": "uniform"}, "ranked single prompts"),
        ({"method": "uniform"}, {"method": "mopps"}, "ranks single prompts"),
    ],
)
def test_what_cannot_be_known_is_said_to_be(tmp_path, run_bandit, bandit_arms, capsys, logged, other, why):
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=40, **logged)
    sets = [f"{key}={value}" for key, value in other.items() if key != "method"]
    arguments = [str(path), "--curriculum", other["method"], "--json", str(tmp_path / "out.json")]
    assert main(arguments + (["--set", *sets] if sets else [])) == 0
    text = capsys.readouterr().out
    answer = json.loads((tmp_path / "out.json").read_text())
    assert "not estimable" in text and any(part in answer["not_estimable"] for part in why.split("|"))
    assert all(value["other"] is None for value in answer["value"].values())
    assert len(answer["proposals"]) == 40 and sum(answer["proposals"][0]["other_share"]) == pytest.approx(1.0)


def test_an_effective_sample_below_a_tenth_is_refused_on_the_spot():
    weight = np.append(np.full(99, 1e-3), 100.0)
    assert "less than 10%" in str(Sample(weight, np.arange(100)).refusal())
    assert "mean weight 0.001" in str(Sample(np.full(100, 1e-3), np.arange(100)).refusal())
    assert Sample(np.ones(100), np.arange(100)).refusal() is None
    assert "no slot" in str(Sample(np.zeros(0), np.zeros(0, dtype=np.int64)).refusal())


def test_choices_that_are_settled_are_named_and_the_text_is_short(tmp_path, run_bandit, bandit_arms, capsys):
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=20, method="uniform", advantages=False)
    assert main([str(path), "--curriculum", "easy_to_hard"]) == 0
    text = capsys.readouterr().out
    assert "certain (0/1)" in text and len(text.splitlines()) < 20
    assert main([str(path), "--curriculum", "dump", "--set", "tau=0.5"]) == 0
    text = capsys.readouterr().out
    assert "effective sample" in text and "GRPO's, from the successes" in text


def test_probabilities_of_many_arms_are_drawn_and_their_error_is_told(tmp_path, run_bandit, bandit_arms):
    arms = bandit_arms((4,) * 600)
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=arms, steps=2, batch=1100, method="uniform")
    seen = walk(load(path), CurriculumConfig.of(method="sparft"))
    assert 0.0 < seen.monte_carlo_error < 1e-3
    assert [odds.sum() for odds in seen.odds] == pytest.approx([1.0, 1.0])
    exact = walk(load(path), CurriculumConfig.of(method="sec"))
    assert exact.monte_carlo_error == 0.0
    np.testing.assert_allclose(
        seen.odds[0], exact.odds[0], atol=6 * seen.monte_carlo_error
    )  # nothing known yet


def test_an_advantage_that_was_given_is_the_signal(tmp_path, run_bandit, bandit_arms):
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=3, method="sec")
    groups = [g for record in load(path).events if record.event == "observe" for g in record.groups()]
    want = np.mean([np.abs(group["advantages"]).mean() for group in groups])
    value = compare(load(path), CurriculumConfig.of(method="uniform"))["value"]["signal"]
    assert value["logged"]["mean"] == pytest.approx(want)
