"""The benchmark's reward as verl calls it: 1.0 for exactly the right answer, else 0.0."""

from typing import Any


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any] | None = None,
    **others: Any,
) -> float:
    """Return whether the response, up to its end, is the ground truth."""
    return float(solution_str == ground_truth)
