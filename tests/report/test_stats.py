import numpy as np
import pytest
from scipy import stats

from sparft_verl.report import paired_gain
from sparft_verl.report.stats import edge_means, smooth


def scores(n: int, rate: float, seed: int) -> np.ndarray:
    generator = np.random.Generator(np.random.Philox(key=seed))
    return (generator.random(n) < rate).astype(float)


@pytest.mark.parametrize("n", [2, 5, 400])
def test_the_interval_is_students_t_over_the_paired_differences(n):
    before, after = scores(n, 0.3, 1), scores(n, 0.6, 2)
    after[0], after[1] = 1 - before[0], before[1]  # never all alike
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    gain = paired_gain(before, after)
    assert gain.n == n
    assert gain.mean == pytest.approx((after - before).mean())
    assert (gain.low, gain.high) == pytest.approx((expected.low, expected.high))


def test_the_interval_agrees_with_a_bootstrap_over_items():
    before, after = scores(400, 0.3, 3), scores(400, 0.4, 4)
    boot = stats.bootstrap(
        (after - before,), np.mean, n_resamples=4000, random_state=np.random.Generator(np.random.Philox(5))
    ).confidence_interval
    gain = paired_gain(before, after)
    assert (gain.low, gain.high) == pytest.approx((boot.low, boot.high), abs=0.01)


def test_pairing_makes_the_interval_narrower_when_the_same_items_stay_solved():
    before = np.repeat([0.0, 1.0], 100)
    after = before.copy()
    after[:20] = 1.0
    gain = paired_gain(before, after)
    unpaired = 1.96 * np.sqrt(before.var() / 200 + after.var() / 200)
    assert gain.low > 0
    assert (gain.high - gain.low) / 2 < unpaired / 2


def test_without_items_there_is_no_gain_and_with_one_no_interval():
    assert paired_gain([], []).n == 0
    assert np.isnan(paired_gain([], []).mean)
    gain = paired_gain([0.25], [1.0])
    assert (gain.mean, gain.n) == (0.75, 1)
    assert np.isnan([gain.low, gain.high]).all()


def test_equal_differences_give_a_point():
    gain = paired_gain([0.0, 0.5], [0.5, 1.0])
    assert (gain.mean, gain.low, gain.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [([1.0], [1.0, 0.0], "one score before and one after"), ([np.nan], [1.0], "finite")],
)
def test_scores_that_cannot_be_paired_are_refused(before, after, message):
    with pytest.raises(ValueError, match=message):
        paired_gain(before, after)


def test_smoothing_averages_what_is_known_around_each_point():
    values = np.array([1.0, 2.0, np.nan, 4.0, 9.0])
    np.testing.assert_allclose(smooth(values, 3), [1.5, 1.5, 3.0, 6.5, 6.5])
    np.testing.assert_array_equal(smooth(values, 1), values)
    assert np.isnan(smooth(np.full(4, np.nan), 3)).all()


def test_an_even_window_is_refused():
    with pytest.raises(ValueError, match="odd and positive, got 4"):
        smooth(np.zeros(3), 4)


def test_first_and_last_are_means_of_the_outer_quarters():
    assert edge_means([0, 1, 5, 5, 5, 5, 3, 4]) == (0.5, 3.5)
    assert edge_means([0.25]) == (0.25, 0.25)
    assert np.isnan(edge_means([])).all()
