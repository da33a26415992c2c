"""A finished run's record, as far as tables read it."""

from typing import Any


def record(
    method: str, seed: int, before: list[int], after: list[int], seconds: float = 2.0
) -> dict[str, Any]:
    names = [f"item{place}" for place in range(len(after))]
    return {
        "key": f"{method}-{seed}",
        "spec": {"curriculum": method, "seed": seed},
        "held_out": {
            "step": [0, 20],
            "items": {
                end: {name: [score] for name, score in zip(names, scores, strict=True)}
                for end, scores in (("before", before), ("after", after))
            },
            "groups": {"gsm8k": names[:2], "all": names},
        },
        "train": {"tokens": 1000},
        "seconds": {"median": seconds},
        "overhead": {"ms": {"median": 3.0}, "percent": {"median": 0.1}},
    }
