"""The console script `sparft`."""

import importlib
import sys

COMMANDS = {
    "prepare": "stage A: choose and cluster the prompts of a data set, write a curriculum artefact",
    "curricula": "the curricula there are, one line each; NAME: its settings",
    "train": "stage B: verl's trainer under a curriculum (--cpu: on a machine without a GPU)",
    "replay": "a run's journal told again: is it reproduced; what another curriculum would have chosen, its value",
    "report": "one HTML page of what a curriculum did in a run, or of what an artefact holds",
    "simulate": "compare curricula on a simulated learner: where they spend prompts, what a step costs",
    "doctor": "what is installed here and whether it fits together; --rewards: what a task's scores look like",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; 2 when the command is unknown."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: sparft COMMAND ...\n")
        for name, purpose in COMMANDS.items():
            print(f"  {name:10}{purpose}")
        return 0
    if arguments[0] not in COMMANDS:
        print(
            f"sparft: {arguments[0]!r} is not a command; choose from {', '.join(COMMANDS)}", file=sys.stderr
        )
        return 2
    # each command imports only what it needs
    command = importlib.import_module(f"sparft_verl.{arguments[0]}")
    return int(command.main(arguments[1:]))


if __name__ == "__main__":
    raise SystemExit(main())
