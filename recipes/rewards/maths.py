"""Binary reward for DeepScaleR: the last boxed answer equals the reference, as text or as mathematics.

In verl: ``reward.custom_reward_function.path=recipes/rewards/maths.py``. Both comparisons are verl's own: its scorer
for MATH, which normalises text and takes microseconds, then its use of math-verify, which runs in processes of its
own because the library's timeouts are signals and fail outside a main thread, where Ray calls a reward. Other data
sources go to verl's default, so that one run may train on DeepScaleR and test on MATH-500, GSM8K and AIME.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

if find_spec("math_verify") is None:
    raise ImportError(
        "recipes/rewards/maths.py needs math-verify, but it is not installed; pip install math-verify==0.9.0"
    )

from verl.utils.reward_score import default_compute_score, math_reward, math_verify

SOURCE = "deepscaler"


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Return 1.0 or 0.0 for DeepScaleR; for another data source what verl's default returns."""
    if data_source != SOURCE:
        return default_compute_score(data_source, solution_str, ground_truth, extra_info, **kwargs)
    boxed = math_reward.last_boxed_only_string(solution_str)
    if boxed is None:
        return 0.0
    if math_reward.compute_score(boxed, ground_truth) == 1.0:
        return 1.0
    return float(math_verify.compute_score(boxed, ground_truth))
