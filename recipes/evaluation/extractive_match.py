"""verl's validation dumps scored again by lighteval's extractive match, in an environment that has lighteval.

    recipes/evaluation/lighteval.sh [--step N] [--json FILE] --out FOLDER RUN...

Prints a line per run: answers, verl's mean, lighteval's, and in how many the two disagree; --json lists these. For each
RUN it writes FOLDER/NAME/validation/STEP.jsonl with lighteval's score in the place of verl's, beside a copy of
metrics.jsonl, so that recipes.collect compares methods by it. It imports nothing of verl or of sparft_verl.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Score = Callable[[str, str], float]
"""(reference answer, response) -> 1.0 or 0.0."""


class DumpError(ValueError):
    """A dump that cannot be scored; the message names rule, value and fix."""


def extractive_match() -> Score:
    """Return lighteval's metric with the settings of its own maths tasks: numbers and LaTeX, six digits."""
    from lighteval.metrics.dynamic_metrics import MultilingualExtractiveMatchMetric
    from lighteval.metrics.utils.extractive_match_utils import ExprExtractionConfig, LatexExtractionConfig
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.requests import Doc

    logging.getLogger("lighteval").setLevel(logging.ERROR)  # a warning for each response without an answer
    kinds = (ExprExtractionConfig(), LatexExtractionConfig())
    metric = MultilingualExtractiveMatchMetric(
        gold_extraction_target=kinds, pred_extraction_target=kinds, precision=6
    )

    def score(truth: str, response: str) -> float:
        # its LaTeX is only found between dollars or in a box
        doc = Doc(query="", choices=[f"${truth}$"], gold_index=0)
        return float(metric.compute(doc, ModelResponse(text=[response])))

    return score


def rescore(dump: Path, score: Score) -> Iterator[Record]:
    """Yield each record with `score` from `score`, verl's own in `verl_score`. Raises DumpError by line."""
    for number, line in enumerate(dump.read_text(encoding="utf-8").splitlines(), 1):
        try:
            one = json.loads(line)
            verl = float(one["score"] if one.get("acc") is None else one["acc"])
            truth, response = str(one["gts"]), str(one["output"])
        except (ValueError, KeyError, TypeError) as error:
            raise DumpError(
                f"{dump}, line {number}, must be a record of verl's validation with input, output, gts and score, but "
                f"{error!r}; train with trainer.validation_data_dir, and remove a dump that a kill cut short"
            ) from error
        kept = {key: value for key, value in one.items() if key != "acc"}
        yield {**kept, "score": score(truth, response), "verl_score": verl}


def dump_of(run: Path, step: int | None) -> Path:
    """Return the run's last dump, or that of `step`. Raises DumpError when it is not there."""
    found = {int(file.stem): file for file in (run / "validation").glob("*.jsonl") if file.stem.isdecimal()}
    if not found or (step is not None and step not in found):
        raise DumpError(
            f"{run} must hold validation/{step or 'STEP'}.jsonl, but was validated at {sorted(found)}"
        )
    return found[max(found) if step is None else step]


def main(argv: list[str] | None = None) -> int:
    """Print a line per run; return 0, or 2 when a dump cannot be scored."""
    parser = argparse.ArgumentParser(
        prog="recipes/evaluation/lighteval.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--step", type=int, help="the validation at this step, instead of each run's last one"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="list every disagreement there")
    asked = parser.parse_args(argv)
    score, disagreements = extractive_match(), {}
    try:
        for run in asked.runs:
            dump = dump_of(run, asked.step)
            records = list(rescore(dump, score))
            if not records:
                raise DumpError(f"{dump} must hold answers, but is empty; give --step another one")
            folder = asked.out / run.resolve().name
            (folder / "validation").mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
            (folder / "validation" / dump.name).write_text(text, encoding="utf-8")
            if (run / "metrics.jsonl").is_file():
                shutil.copy(run / "metrics.jsonl", folder)
            other = [one for one in records if one["score"] != one["verl_score"]]
            disagreements[str(run)] = [
                {key: one[key] for key in ("gts", "output", "verl_score", "score")} for one in other
            ]
            verl, ours = (sum(one[key] for one in records) / len(records) for key in ("verl_score", "score"))
            print(
                f"{run.resolve().name} step {dump.stem}: {len(records)} answers, verl {verl:.4f}, lighteval "
                f"{ours:.4f}, {len(other)} disagreements"
            )
    except DumpError as error:
        print(f"extractive_match: {error}", file=sys.stderr)
        return 2
    if asked.json:
        asked.json.write_text(
            json.dumps(disagreements, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
