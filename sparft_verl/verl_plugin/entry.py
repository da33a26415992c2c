"""What `import verl` loads in every process, through the `verl.plugins` entry point.

It must cost nothing and break nothing: no heavy import, no exception, harmless when run twice, and without
effect in a run that asked for nothing. The work is done later, right after verl itself has imported the module
that it needs.
"""

import os
import sys
import traceback

from sparft_verl.verl_plugin import SWITCH


def _register_modes() -> None:
    import sparft_verl.verl_plugin.trainer  # noqa: F401 - registers the trainer modes on import


def _install() -> None:
    if os.environ.get(SWITCH):
        from sparft_verl.verl_plugin.imports import after_import

        after_import("verl.trainer.ppo.v1", _register_modes)
    if os.environ.get("VERL_PLATFORM", "").lower() == "cpu":
        from sparft_verl.verl_plugin import cpu

        cpu.register()


try:
    _install()
except Exception:
    # verl logs plug-in failures at DEBUG, where nobody sees them.
    print("sparft_verl could not load into verl:", file=sys.stderr)
    traceback.print_exc(file=sys.stderr)
