"""CUDA against the CPU ops, on a machine with a device: the same bits, the same arms, the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparft_verl import bandit
from sparft_verl.bandit import _kernel

KEY = {"seed": 21, "stream": 4, "step": 2**40}
KINDS = (
    "gaussian",
    "gaussian_mean",
    "kalman",
    "beta",
    "beta_priors",
    "softmax",
    "fixed",
    "mixed_proportional",
)
NOT_FOR_UTILITIES = ("softmax", "mixed_proportional")
UTILITIES = (
    bandit.Identity(),
    bandit.Negative(),
    bandit.Target(0.5),
    bandit.Learnability(),
    bandit.Mixed(8),
)
SEEDS = st.integers(0, 2**32)
LONG = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def device() -> None:
    if _kernel.cuda_problem():
        pytest.skip(bandit.backend_info())


def there(array: np.ndarray) -> Any:
    """The array on the device, in torch's hands, or cupy's when torch is not installed or has no CUDA."""
    try:
        import torch

        if torch.cuda.is_available():
            return torch.from_numpy(array.copy()).cuda()
    except ImportError:
        pass
    return pytest.importorskip("cupy", reason="neither torch with CUDA nor cupy is installed").asarray(array)


def back(array: Any) -> np.ndarray:
    return array.cpu().numpy() if hasattr(array, "cpu") else array.get()


def same(a: np.ndarray, b: np.ndarray) -> None:
    """The same bits, nan included."""
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))


def belief(kind: str, arms: int, rng: np.random.Generator, move: Any = lambda x: x) -> Any:
    """A random belief; a third of the seeds make arms alike, so that ties occur."""
    few = rng.random() < 1 / 3
    real = np.round(rng.normal(size=arms)) if few else rng.normal(size=arms)
    positive = np.full(arms, 0.5) if few else rng.gamma(0.7, size=arms) + 1e-3
    evidence = [np.floor(rng.gamma(0.5, 8.0, size=arms)) for _ in range(2)]
    match kind:
        case "gaussian":
            return bandit.Gaussian(move(real), move(np.zeros(arms) if few else positive))
        case "gaussian_mean":
            return bandit.GaussianMean(move(real), move(evidence[0]), scale=0.5, sigma=0.7, prior_mean=0.25)
        case "kalman":
            return bandit.Kalman(move(real), move(positive), inflation=0.125)
        case "beta":
            return bandit.Beta(move(evidence[0]), move(evidence[1]), scale=0.3, prior_failure=0.5)
        case "beta_priors":
            priors = {"prior_success": move(positive), "prior_failure": move(positive)}
            return bandit.Beta(move(evidence[0]), move(evidence[1]), **priors)
        case "softmax":
            return bandit.Softmax(move(real), 0.5)
        case "fixed":
            return bandit.Fixed(move(real))
        case _:
            return bandit.MixedProportional(move(evidence[0]), move(evidence[1]), group=8)


def utility(kind: str, rng: np.random.Generator) -> Any:
    return UTILITIES[0] if kind in NOT_FOR_UTILITIES else UTILITIES[rng.integers(len(UTILITIES))]


@pytest.mark.parametrize(("n", "first"), [(0, 0), (1, 0), (5, 3), (4096, 1), (1_000_003, 2**50 + 7)])
def test_normals_of_cuda_and_cpu_have_the_same_bits(n: int, first: int) -> None:
    same(*(bandit.normal(n, first=first, backend=b, **KEY) for b in ("cuda", "cpu")))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS, arms=st.integers(1, 3000), rounds=st.integers(0, 40))
@LONG
def test_draws_have_the_same_bits(kind: str, seed: int, arms: int, rounds: int) -> None:
    rng = np.random.default_rng(seed)
    drawn, worth = belief(kind, arms, rng), utility(kind, rng)
    same(*(bandit.draw(drawn, rounds, utility=worth, backend=b, **KEY) for b in ("cuda", "cpu")))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS, arms=st.integers(1, 9000), rounds=st.integers(0, 300), limited=st.booleans())
@LONG
def test_choose_takes_the_same_arms(kind: str, seed: int, arms: int, rounds: int, limited: bool) -> None:
    rng = np.random.default_rng(seed)
    drawn, worth = belief(kind, arms, rng), utility(kind, rng)
    capacity = rng.integers(0, 4, arms) if limited else None
    if capacity is not None:
        capacity[rng.integers(arms)] += max(0, rounds - int(capacity.sum()))
    floor = rng.random() / arms if seed % 2 else 0.0
    given = {"capacity": capacity, "utility": worth, "floor": floor, **KEY}
    same(*(bandit.choose(drawn, rounds, backend=b, **given) for b in ("cuda", "cpu")))


@pytest.mark.parametrize(("arms", "rounds"), [(10, 100_000), (1024, 2000), (1025, 2000), (1_000_001, 7)])
def test_choose_takes_the_same_arms_at_the_edges_of_its_ways(arms: int, rounds: int) -> None:
    drawn = belief("gaussian", arms, np.random.default_rng(1))
    same(*(bandit.choose(drawn, rounds, backend=b, **KEY) for b in ("cuda", "cpu")))


def test_choose_breaks_ties_as_the_cpu_does() -> None:
    ties = bandit.Gaussian(np.zeros(3000), np.zeros(3000))
    chosen = bandit.choose(ties, 50, capacity=np.full(3000, 2), backend="cuda", **KEY)
    assert chosen.tolist() == [k // 2 for k in range(50)]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=SEEDS, arms=st.integers(1, 200_000), share=st.floats(0, 1), masked=st.booleans())
@LONG
def test_choose_top_takes_the_same_items(kind: str, seed: int, arms: int, share: float, masked: bool) -> None:
    rng = np.random.default_rng(seed)
    drawn, worth = belief(kind, arms, rng), utility(kind, rng)
    mask = rng.integers(0, 2, arms, dtype=np.uint8) if masked else None
    n = int(share * (arms if mask is None else mask.sum()))
    given = {"open": mask, "utility": worth, **KEY}
    same(*(bandit.choose_top(drawn, n, backend=b, **given) for b in ("cuda", "cpu")))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_choose_top_of_a_million_ties_is_the_lowest_items(value: float) -> None:
    ties = np.zeros(1_000_000)
    ties[::3] = value
    top = bandit.choose_top(bandit.Fixed(ties), 2000, backend="cuda", **KEY)
    np.testing.assert_array_equal(top, np.arange(2000) * (3 if value else 1))


@pytest.mark.parametrize("kind", KINDS)
def test_device_arrays_are_read_in_place_with_the_same_result(kind: str) -> None:
    here = belief(kind, 5000, np.random.default_rng(3))
    moved = belief(kind, 5000, np.random.default_rng(3), there)
    same(bandit.choose(moved, 100, **KEY), bandit.choose(here, 100, **KEY))
    same(bandit.choose_top(moved, 100, **KEY), bandit.choose_top(here, 100, **KEY))
    same(bandit.draw(moved, 2, **KEY), bandit.draw(here, 2, **KEY))


def test_a_bad_value_on_the_device_is_refused_as_on_the_cpu() -> None:
    mean, sd = np.zeros(5000), np.ones(5000)
    sd[4321] = -1.0
    refusals = []
    for move in (np.asarray, there):
        with pytest.raises(ValueError) as refusal:
            bandit.choose(bandit.Gaussian(move(mean), move(sd)), 10, **KEY)
        refusals.append(str(refusal.value))
    assert "sd[4321]" in refusals[0]
    assert refusals[0] == refusals[1]


def observations(
    op: str, arms: int, n: int, rng: np.random.Generator
) -> tuple[list[Any], list[Any], dict[str, float]]:
    """State, observations and options of one observe op."""
    arm = rng.integers(0, arms, n).astype(np.int32)
    value, positive = rng.normal(size=n), rng.gamma(1.0, size=n) + 1e-3
    state, count = rng.integers(0, 2**20, arms) / 2.0**10, rng.integers(0, 9, arms)
    match op:
        case "observe_mean":
            return [rng.normal(size=arms), count], [arm, value], {}
        case "observe_sum":
            return [state, state[::-1].copy()], [arm, value, positive], {"scale": 0.7}
        case "observe_beta":
            rollouts = np.floor(positive * 4) + 1
            successes = np.floor(rng.random(n) * (rollouts + 1))
            return [state, state[::-1].copy()], [arm, successes, rollouts], {"keep": 0.9, "scale": 0.7}
        case "observe_kalman":
            return (
                [rng.normal(size=arms), rng.random(arms) + 0.1],
                [arm, value, positive],
                {"inflation": 0.01},
            )
        case _:
            return [rng.normal(size=(arms, 5)), count], [arm, value], {}


OBSERVE = ("observe_mean", "observe_sum", "observe_beta", "observe_kalman", "observe_window")


@pytest.mark.parametrize("op", OBSERVE)
@given(seed=SEEDS, arms=st.integers(1, 3000), n=st.integers(0, 3000))
@LONG
def test_observe_leaves_the_same_bits(op: str, seed: int, arms: int, n: int) -> None:
    state, seen, options = observations(op, arms, n, np.random.default_rng(seed))
    moved = [there(x) for x in state]
    getattr(bandit, op)(*moved, *(there(x) for x in seen), **options)
    getattr(bandit, op)(*state, *seen, **options)
    for a, b in zip(moved, state, strict=True):
        same(back(a), b)


@pytest.mark.parametrize("op", OBSERVE)
def test_observe_refuses_on_the_device_and_writes_nothing(op: str) -> None:
    state, seen, options = observations(op, 50, 400, np.random.default_rng(5))
    seen[0][321] = 50
    moved = [there(x) for x in state]
    with pytest.raises(ValueError, match=r"arm\[321\] = 50"):
        getattr(bandit, op)(*moved, *(there(x) for x in seen), **options)
    for a, b in zip(moved, state, strict=True):
        same(back(a), b)


@given(seed=SEEDS, arms=st.integers(1, 3000), width=st.integers(1, 20))
@LONG
def test_window_means_and_rescaling_leave_the_same_bits(seed: int, arms: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    window, seen = rng.normal(size=(arms, width)), rng.integers(0, 2 * width, arms)
    same(bandit.window_mean(there(window), there(seen)), bandit.window_mean(window, seen))
    total = rng.normal(size=arms)
    moved = there(total)
    for array in (moved, total):
        bandit.rescale(array, factor=0.3)
    same(back(moved), total)


@given(seed=SEEDS, rows=st.integers(1, 3000), dims=st.integers(1, 70), clusters=st.integers(1, 12))
@LONG
def test_farthest_points_are_the_same_rows(seed: int, rows: int, dims: int, clusters: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rows, dims)).astype(np.float32)
    if seed % 3 == 0:
        points = np.round(points)  # so that distances tie
    cluster = rng.integers(0, clusters, rows).astype(np.int32)
    take = rng.integers(0, np.minimum(np.bincount(cluster, minlength=clusters), 40) + 1)
    same(
        bandit.farthest_points(there(points), there(cluster), take),
        bandit.farthest_points(points, cluster, take),
    )
