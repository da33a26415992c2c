"""What a task's own reward function gives for right and wrong answers, and what a curriculum makes of it.

Everything is verl's: its configuration, its data set class, its reward worker, run in this process and without a
model. Only the answers are ours: the row's reference answer in the forms that scorers commonly look for, the
reference answer of another row, and nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.reward_scorer import Outcome, Scorer
from sparft_verl.verl_plugin.success import SuccessRule, parse_rules

FORMS = ("{}", "#### {}", "\\boxed{{}}", "Answer: {}", "<answer>{}</answer>", "<answer>\\boxed{{}}</answer>")
"""How scorers commonly want an answer written, {} being the answer; the one that scores highest speaks for a row."""
MOVED = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model": "reward.reward_model (or reward.reward_manager)",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"""Blocks that verl 0.9 still accepts on the command line but no longer reads in its default trainer."""


@dataclass(frozen=True)
class RowScores:
    """The answers to one row of the training data."""

    row: int
    source: str
    golds: tuple[Outcome, ...]
    """Its reference answer, in every form tried; none when that is not a text, a number or a list of these."""
    wrong: Outcome | None
    """The reference answer of another row of the same source; None when there is no other."""
    empty: Outcome
    """No answer."""

    @property
    def gold(self) -> Outcome | None:
        """The reference answer in the form that scores highest, the first of these."""
        return max(self.golds, key=_rank, default=None)


def check_rewards(overrides: Sequence[str], *, rows: int = 20, form: str | None = None) -> list[RowScores]:
    """Return the scores of `rows` rows, dealt over the data sources; at least one row of each.

    `overrides` are those of a verl command line. `form` is how an answer is written, with {} in the answer's
    place; without it the commonest forms are tried. Raises CurriculumError when verl's configuration, data or
    reward function cannot be loaded from `overrides`.
    """
    config = _compose(overrides)
    raw = OmegaConf.select(config, "curriculum.success")
    if raw is not None and not isinstance(raw, DictConfig):
        raise CurriculumError(
            f"curriculum.success maps data sources to rules, got {raw!r}; "
            "write '+curriculum.success={*:{threshold:1.0}}'"
        )
    rules = parse_rules(raw)
    if form is not None and "{}" not in form:
        raise CurriculumError(f"--form must hold {{}} where the answer goes, got {form!r}")
    return asyncio.run(_score_rows(config, rules, rows, FORMS if form is None else (form,)))


def _compose(overrides: Sequence[str]) -> DictConfig:
    import verl.trainer

    folder = Path(next(iter(verl.trainer.__path__))) / "config"
    # hydra's own start writes the job's name and folder; neither exists here, and nothing is run
    own = [text for text in overrides if not text.lstrip("+").startswith("hydra.")]
    try:
        with initialize_config_dir(str(folder), version_base=None):
            config = compose("ppo_trainer", overrides=own)
            OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise CurriculumError(f"the command line does not fit verl's configuration: {error}") from error
    for block, new in MOVED.items():
        used = _first_set(config.get(block))
        if used:
            raise CurriculumError(
                f"{block}.{used} is not read by verl's trainer any more, so a run would silently score with "
                f"something else. Write it under {new}."
            )
    if config.reward.reward_model.enable and config.reward.custom_reward_function.path is None:
        raise CurriculumError(
            "reward.reward_model.enable=True: the scores come from a model server, which is not started here. "
            "Look at the scores of a first run instead, and set curriculum.success by them."
        )
    return config


def _first_set(block: Any) -> str | None:
    """Return the dotted name of the first value in a block that is not null."""
    for key, value in (block or {}).items():
        inner = _first_set(value) if isinstance(value, DictConfig) else None
        if inner or (value is not None and not isinstance(value, DictConfig)):
            return f"{key}.{inner}" if inner else str(key)
    return None


async def _score_rows(
    config: DictConfig, rules: Mapping[str, SuccessRule], rows: int, forms: Sequence[str]
) -> list[RowScores]:
    # inside a coroutine, because verl's reward objects remember the loop they were made on
    scorer = Scorer(config, rules)
    dataset = _load(config, scorer.tokenizer)
    samples = {row: dataset[row] for row in _deal(dataset, rows)}
    answers = {row: _reference(sample) for row, sample in samples.items()}
    if not samples:
        raise CurriculumError(f"data.train_files={config.data.train_files} holds no row")
    found = []
    for row, sample in samples.items():
        source = str(sample["data_source"])
        golds = tuple(
            [await scorer(row, sample, form.replace("{}", text)) for form in forms for text in answers[row]]
        )
        others = (
            text
            for near, texts in answers.items()
            for text in texts
            if str(samples[near]["data_source"]) == source and text not in answers[row]
        )
        other, wrong = next(others, None), None
        if other is not None and golds:
            # written as the best right answer was, so that only the answer is wrong
            form = forms[golds.index(max(golds, key=_rank)) // len(answers[row])]
            wrong = await scorer(row, sample, form.replace("{}", other))
        found.append(RowScores(row, source, golds, wrong, await scorer(row, sample, "")))
    return found


def _rank(outcome: Outcome) -> tuple[float, float]:
    """Order outcomes by score, those that failed first; by the verdict where scores are equal."""
    return (
        -np.inf if outcome.score is None else outcome.score,
        -np.inf if outcome.acc is None else outcome.acc,
    )


def _load(config: DictConfig, tokenizer: Any) -> Any:
    from verl.trainer.ppo.utils import create_rl_dataset
    from verl.utils import hf_processor
    from verl.utils.fs import copy_to_local

    with open_dict(config):
        config.data.filter_overlong_prompts = (
            False  # slow, and the length of a prompt does not change its score
        )
    try:
        path = copy_to_local(config.actor_rollout_ref.model.path)
        return create_rl_dataset(
            config.data.train_files,
            config.data,
            tokenizer,
            hf_processor(path, trust_remote_code=True),
            is_train=True,
            max_samples=config.data.get("train_max_samples", -1),
        )
    except Exception as error:
        raise CurriculumError(
            f"verl cannot load data.train_files={config.data.train_files}: {error}"
        ) from error


def _deal(dataset: Any, rows: int) -> list[int]:
    """Return positions of `rows` rows, dealt over the data sources in turn, at least one of each."""
    frame = getattr(dataset, "dataframe", None)  # a data set class of the user's own may have none
    if frame is None or "data_source" not in getattr(frame, "column_names", ()):
        return list(range(min(rows, len(dataset))))
    by_source: dict[str, list[int]] = {}
    for row, source in enumerate(frame["data_source"]):
        by_source.setdefault(str(source), []).append(row)
    turns = [
        (turn, row) for members in by_source.values() for turn, row in enumerate(members[: max(1, rows)])
    ]
    turns.sort(key=lambda pair: pair[0])  # stable: sources keep their order within a turn
    return sorted(row for _, row in turns[: max(rows, len(by_source))])


def _reference(sample: Mapping[str, Any]) -> list[str]:
    """Return the reference answers of a row as texts; none where they are something else."""
    truth = (sample.get("reward_model") or {}).get("ground_truth")
    truth = truth.get("target") if isinstance(truth, Mapping) else truth
    several = truth if isinstance(truth, list | tuple | np.ndarray) else [truth]
    return [str(text) for text in several if isinstance(text, str | int | float)][:3]
