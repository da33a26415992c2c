import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit._arrays import Array
from sparft_verl.bandit.posteriors import Posterior
from sparft_verl.bandit.utilities import Utility

cuda_build: str

# None: backend is "numpy", and the arguments are right.
def draw(
    posterior: Posterior,
    rounds: int,
    utility: Utility,
    seed: int,
    stream: int,
    step: int,
    backend: str,
    threads: int,
    lanes: int = 0,
) -> NDArray[np.float64] | None: ...
def choose(
    posterior: Posterior,
    rounds: int,
    capacity: NDArray[np.int64] | None,
    utility: Utility,
    floor: float,
    seed: int,
    stream: int,
    step: int,
    backend: str,
    threads: int,
    lanes: int = 0,
) -> NDArray[np.int32] | None: ...
def choose_top(
    posterior: Posterior,
    n: int,
    open: NDArray[np.uint8] | NDArray[np.bool_] | None,
    utility: Utility,
    seed: int,
    stream: int,
    step: int,
    backend: str,
    threads: int,
    lanes: int = 0,
) -> NDArray[np.int64] | None: ...
def normal(
    n: int, first: int, seed: int, stream: int, step: int, cuda: bool, lanes: int = 0
) -> NDArray[np.float32]: ...
def words(n: int, first: int, seed: int, stream: int, step: int) -> NDArray[np.uint32]: ...
def permutation(n: int, seed: int, stream: int, step: int) -> NDArray[np.int64]: ...
def philox(counter: tuple[int, int, int, int], k0: int, k1: int) -> tuple[int, int, int, int]: ...
def cuda_problem() -> str: ...
def cuda_device_name() -> str: ...

# observe.py and farthest.py
def observe_mean(total: Array, count: Array, arm: Array, value: Array, /) -> None: ...
def observe_sum(
    total: Array,
    weight: Array,
    arm: Array,
    value: Array,
    observed_weight: Array | None,
    scale: float,
    /,
) -> None: ...
def observe_beta(
    success: Array,
    failure: Array,
    arm: Array,
    successes: Array,
    rollouts: Array,
    keep: float,
    scale: float,
    /,
) -> None: ...
def observe_kalman(
    mean: Array, variance: Array, arm: Array, value: Array, weight: Array, inflation: float, /
) -> None: ...
def observe_window(window: Array, seen: Array, arm: Array, value: Array, /) -> None: ...
def window_mean(window: Array, seen: Array, /) -> NDArray[np.float64]: ...
def rescale(arrays: tuple[Array, ...], factor: float, /) -> None: ...
def farthest_points(points: Array, cluster: Array, take: Array, threads: int, /) -> NDArray[np.int64]: ...
