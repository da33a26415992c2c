"""The hydra callback that `+curriculum=...` installs."""

import traceback
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.switch import switch_on


class CurriculumCallback(Callback):
    """Switches the run to its curriculum, whatever the command line says about the trainer mode.

    A group's own `trainer.v1.trainer_mode` would lose against one on the command line, and the stock trainer
    would then train without any curriculum; a callback runs after both.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check and map `config` in place; leave with a message when a rule is broken."""
        try:
            switch_on(config)
        except CurriculumError as error:
            # hydra logs ordinary exceptions of callbacks and goes on
            raise SystemExit(f"sparft-verl: {error}") from error
        except Exception as error:
            traceback.print_exc()
            raise SystemExit(
                f"sparft-verl: the curriculum could not be switched on ({type(error).__name__}: {error}); the run "
                "stops, for it would train without one."
            ) from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse: hydra composes each job of a multirun anew, out of this callback's reach."""
        raise SystemExit(
            "sparft-verl: a curriculum cannot be switched on in a hydra multirun (-m), whose jobs would run "
            "without it. Start one run per command."
        )
