"""One run's curriculum under an older trainer of verl: the core that its adapters share.

These trainers go strictly in turn: a batch is served, trained on, perhaps saved, and then its feedback comes.
"""

import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sparft_verl.journal import JOURNAL
from sparft_verl.sampler import Served
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.older import BLOCK, checkpoint
from sparft_verl.verl_plugin.older.replay import advance
from sparft_verl.verl_plugin.older.rollouts import read_batch
from sparft_verl.verl_plugin.older.tracking import Metrics
from sparft_verl.verl_plugin.opening import open_sampler
from sparft_verl.verl_plugin.settings import read_settings


class Session:
    """Serves batches, takes their feedback, and keeps its state in verl's checkpoints."""

    def __init__(self, data_config: DictConfig, dataset: Any) -> None:
        """Open the curriculum of `data_config` over the loaded `dataset`, at the step that verl will resume from.

        Raises CurriculumError when that cannot be: before any model is loaded.
        """
        self._run = data_config.get(BLOCK)
        if self._run is None:
            raise CurriculumError(
                "A curriculum was asked for by data.custom_cls or data.sampler alone. Ask for it by "
                "+curriculum=sparft curriculum.artefact=FOLDER, which sets these."
            )
        self._settings = read_settings(self._run)
        batch_size = int(data_config.get("gen_batch_size") or data_config.train_batch_size)
        journal = Path(self._run.default_local_dir) / JOURNAL
        self.sampler = open_sampler(self._settings, dataset, batch_size, journal)
        self._rows = iter(self.sampler)
        self._metrics: Metrics | None = None
        self._resumed = checkpoint.resumed_folder(self._run)
        if self._resumed is not None:
            self._resume(self._resumed)

    def serve(self, count: int) -> list[Served]:
        """Return the next `count` prompts; raises CurriculumError if the trainer kept the last batch's outcome."""
        waiting = len(self.sampler.outstanding())
        if waiting:
            raise CurriculumError(
                f"This trainer asks for batch {self.sampler.curriculum.step + 2} and has not handed back the one "
                f"before ({waiting} prompts): it calls neither train_dataset.on_batch_end nor sampler.update. Start "
                "it by `python -m verl.trainer.main_ppo` of a supported verl (verl 0.8's main_ppo_sync has neither)."
            )
        return [next(self._rows) for _ in range(count)]

    def finish(self, batch: Any) -> None:
        """Close the step that trained on `batch`, and log what the curriculum has learned."""
        self.sampler.observe(read_batch(batch, self._settings.success))
        step = self.sampler.curriculum.step + 1
        self._close(step, "no rollout came back")
        if self._metrics is None:  # now, because verl begins its own logging after it has made its data sets
            self._metrics = Metrics(self._run)
        metrics = self.sampler.metrics()
        metrics["sparft/overhead_ms"] = 1e3 * self.sampler.clock.take()
        self._metrics.log(metrics, step)

    def save(self) -> dict[str, int]:
        """Write the state into the checkpoint that verl is writing; return what goes into verl's own file."""
        step = self.sampler.curriculum.step + bool(self.sampler.outstanding())
        checkpoint.write_state(checkpoint.step_folder(self._run, step), self.sampler.state_dict())
        return {"sparft_step": step}

    def check_resumed(self, saved: dict[str, int]) -> None:
        """Raise CurriculumError unless verl resumes, with what `save` gave it, where this session did."""
        step = None if self._resumed is None else checkpoint.step_of(self._resumed)
        if saved.get("sparft_step") != step:
            raise CurriculumError(
                f"verl resumes its data loader at step {saved.get('sparft_step')}, the curriculum at {step}. "
                "Resume from a checkpoint whose files were written together."
            )

    def _resume(self, folder: Path) -> None:
        step = checkpoint.step_of(folder)
        state = checkpoint.read_state(folder)
        self.sampler.load_state_dict(advance(self.sampler.curriculum, state, folder.parent / JOURNAL))
        at = self.sampler.curriculum.step
        if at not in (step - 1, step):
            raise CurriculumError(
                f"{folder} is verl's checkpoint of step {step}, but the curriculum in it is at step {at}. "
                "Resume from a checkpoint whose files were written together."
            )
        if at < step:
            print(
                f"sparft-verl: the run that wrote {folder} ended before step {step} did; what became of its "
                f"{len(self.sampler.outstanding())} prompts is not known and counts for nothing.",
                file=sys.stderr,
            )
            self._close(step, "the run ended between its checkpoint and its feedback")

    def _close(self, step: int, reason: str) -> None:
        for ticket, row in self.sampler.outstanding():
            self.sampler.cancel(ticket, row, reason)
        self.sampler.tick(step)
