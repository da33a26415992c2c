"""What is in verl's `file` logger: one JSON object per line, {"step": s, "data": {name: value}}."""

import json
from pathlib import Path

import numpy as np

from sparft_verl.report.errors import ReportError
from sparft_verl.report.run import Floats

SHOWN = (
    "critic/rewards/mean",
    "response_length/mean",
    "actor/entropy",
    "actor/grad_norm",
    "actor/ppo_kl",
    "timing_s/step",
)
"""Metrics that the page shows when the log has them."""


def read_metrics(path: Path) -> dict[str, tuple[Floats, Floats]]:
    """Return (steps, values) of each metric in SHOWN that has a finite value.

    A step logged twice counts as it was logged last. A torn last line, left by a kill, is skipped; any other
    line that is no record raises ReportError.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    values: dict[str, dict[int, float]] = {name: {} for name in SHOWN}
    for index, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            step, data = int(record["step"]), dict(record["data"])
        except (ValueError, KeyError, TypeError) as error:
            if index == len(lines):
                break
            raise ReportError(
                f"{path}, line {index}, is not a record of verl's file logger ({error!r}). Give --metrics the file "
                "that verl wrote with trainer.logger=[file] (VERL_FILE_LOGGER_PATH)."
            ) from error
        for name in SHOWN:
            value = data.get(name)
            if isinstance(value, int | float) and np.isfinite(value):
                values[name][step] = float(value)
    series = {}
    for name, by_step in values.items():
        if by_step:
            steps = sorted(by_step)
            series[name] = (np.array(steps, dtype=np.float64), np.array([by_step[step] for step in steps]))
    return series
