"""What a run's journal and checkpoints say, and a curriculum told the same again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import torch

from sparft_verl.artefact import read_artefact
from sparft_verl.curricula import Curriculum, CurriculumConfig, Feedback, build
from sparft_verl.curricula.packing import unpack
from sparft_verl.journal import Record, read
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin.join import join_arms


def events(run: Path) -> list[Record]:
    path = run / "sparft" / "journal.jsonl"
    return read(path).records if path.exists() else []


def served(records: list[Record], *, step: int) -> list[list[int]]:
    """Row positions proposed for each try at a step, in order."""
    return [record["rows"] for record in records if record.event == "propose" and record["step"] == step]


def saved_curriculum(run: Path, step: int) -> dict[str, Any]:
    """The curriculum's part of verl's checkpoint."""
    state = torch.load(run / f"global_step_{step}" / "data.pt", weights_only=False)
    saved = state["_sampler_iter_state"]["sampler_state"]
    assert CurriculumSampler.is_state(saved)
    return unpack(saved)["curriculum"]


def up_to_tick(records: list[Record], step: int) -> list[Record]:
    """The live records up to the end of a step, which is where verl saves."""
    live = [record for record in records if not record.rolled_back]
    ends = [i for i, record in enumerate(live) if record.event == "tick" and record["step"] == step]
    return live[: ends[-1] + 1]


def replay(records: list[Record], task: Path) -> Curriculum:
    """A new curriculum, told what the journal says; it must choose what the journal says it chose."""
    frame = datasets.load_dataset("parquet", data_files=str(task / "train.parquet"), cache_dir=str(task))[
        "train"
    ]
    rows = SimpleNamespace(dataframe=frame, prompt_key="prompt")
    arms = join_arms(read_artefact(task / "artefact"), rows, max_missing=0.0)
    opening = next(record for record in records if record.event == "open")
    curriculum = build(CurriculumConfig.of(**opening["config"]), arms)
    for record in records:
        if record.event == "propose":
            ticket = curriculum.propose(len(record["rows"]))
            assert (ticket.id, ticket.rows.tolist()) == (record["ticket"], record["rows"])
        elif record.event == "observe":
            curriculum.observe(
                Feedback(
                    group["ticket"],
                    group["row"],
                    group["successes"],
                    kind=group["kind"],
                    policy_step=group.get("policy_step"),
                )
                for group in record["groups"]
            )
        elif record.event == "cancel":
            curriculum.cancel(record["ticket"], record["row"], record["reason"])
        elif record.event == "tick":
            curriculum.tick(record["step"])
    return curriculum
