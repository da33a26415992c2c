import numpy as np
import pytest

from sparft_verl.simulate.returns import Batch, Way
from sparft_verl.simulate.scenarios import Returns

CLEAN = np.zeros(500, dtype=bool)
ROWS = np.arange(500)
HALF = np.full(500, 0.5)


def journey(returns: Returns, steps: int = 12) -> tuple[list[Batch], dict[int, Batch]]:
    """Send a batch at each of the first five steps; return what was sent and what came, by step."""
    way = Way(returns, 8, seed=7)
    sent, came = [], {}
    for step in range(1, steps + 1):
        if step <= 5:
            sent.append(way.roll(step, ROWS, HALF, CLEAN, step))
        back = way.arrive(step)
        if back is not None:
            came[step] = back
    return sent, came


def test_without_a_lag_a_batch_comes_back_in_its_own_step() -> None:
    sent, came = journey(Returns())
    assert list(came) == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(came[3].successes, sent[2].successes)


def test_a_fixed_lag_delays_all_of_it() -> None:
    _, came = journey(Returns(lag=3))
    assert list(came) == [4, 5, 6, 7, 8]
    assert set(came[4].ticket) == {1}


def test_jitter_lets_groups_overtake_and_loses_none() -> None:
    sent, came = journey(Returns(lag=1, jitter=3))
    assert min(came) == 2 and max(came) == 9
    assert len(set(came[5].ticket)) == 4  # proposed at steps 1 to 4, all back at step 5
    arrived = sorted((t, r) for batch in came.values() for t, r in zip(batch.ticket, batch.row, strict=True))
    assert arrived == sorted((t, r) for batch in sent for t, r in zip(batch.ticket, batch.row, strict=True))


def test_lost_groups_are_marked_when_they_are_due() -> None:
    _, came = journey(Returns(lost=0.2))
    share = np.mean([batch.lost.mean() for batch in came.values()])
    assert 0.16 < share < 0.24
    assert not any(batch.lost.any() for batch in journey(Returns())[1].values())


def test_draws_depend_on_seed_and_step_alone() -> None:
    late = Way(Returns(), 8, seed=7).roll(9, ROWS, HALF, CLEAN, 4)
    sent, _ = journey(Returns(lag=2, jitter=1))
    np.testing.assert_array_equal(late.successes, sent[3].successes)
    other = Way(Returns(), 8, seed=8).roll(9, ROWS, HALF, CLEAN, 4)
    assert (other.successes != late.successes).any()


def test_success_follows_the_solve_rate() -> None:
    p = np.linspace(0.0, 1.0, 500)
    mean = Way(Returns(), 64, seed=0).roll(0, ROWS, p, CLEAN, 1).successes.mean(axis=1)
    assert abs(mean - p).max() < 0.25 and abs((mean - p).mean()) < 0.01
    assert mean[0] == 0.0 and mean[-1] == 1.0


def test_under_a_wrong_label_nothing_is_ever_right_and_nothing_is_learnt() -> None:
    batch = Way(Returns(), 8, seed=0).roll(0, ROWS, HALF, ~CLEAN, 1)
    assert batch.successes.sum() == 0 and batch.flat.all() and (batch.learnt == 0).all()


@pytest.mark.parametrize("flips", [0.0, 0.1, 0.5])
def test_what_is_learnt_is_the_covariance_of_verdict_and_truth(flips: float) -> None:
    batch = Way(Returns(flips=flips), 8, seed=0).roll(0, ROWS, HALF, CLEAN, 1)
    if not flips:
        np.testing.assert_allclose(batch.learnt, 4 * batch.successes.var(axis=1))
    # E[cov] = (1 - 2 flips) p (1 - p) (G - 1) / G
    assert batch.learnt.mean() == pytest.approx((1 - 2 * flips) * 7 / 8, abs=0.05)
    assert set(np.unique(batch.successes)) == {0.0, 1.0}


def test_a_group_without_two_different_verdicts_is_flat() -> None:
    successes = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    column = np.zeros(3, dtype=np.int64)
    batch = Batch(column, column, successes, np.zeros(3), np.zeros(3, dtype=bool))
    assert batch.flat.tolist() == [True, True, False]
