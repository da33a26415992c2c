"""Stops a run at its first validation after so many trained tokens: BUDGET=tokens of the launch scripts.

    python -m recipes.token_budget --run OUT --tokens N -- COMMAND...

verl has no such limit of its own. By the time a validated step is in OUT/metrics.jsonl, verl has saved that step's
checkpoint (test_freq and save_freq are equal in the recipes) and dumped, or is dumping, what it generated.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from recipes.evaluation.scores import records, trained_tokens

POLL, SETTLED, GRACE = 2.0, 3.0, 60.0


def enough(run: Path, tokens: int) -> int | None:
    """Return the first validated step by which `tokens` were trained on, None before that."""
    metrics = run / "metrics.jsonl"
    spent = trained_tokens(metrics)
    validated = {
        record["step"] for record in records(metrics) if any(key.startswith("val-") for key in record["data"])
    }
    return min((step for step in validated if spent.get(step, 0) >= tokens), default=None)


def _wait_for_dump(file: Path) -> None:
    """Wait until verl's background thread has written the validation: the file ends a line and grows no more."""
    size, since, end = -1, time.monotonic(), time.monotonic() + GRACE
    while time.monotonic() < end:
        now = file.stat().st_size if file.is_file() else 0
        if now != size:
            size, since = now, time.monotonic()
        elif size > 0 and time.monotonic() - since > SETTLED and file.read_bytes().endswith(b"\n"):
            return
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask verl's driver to end, which ends its Ray job, and insist after a while."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(folder: Path, tokens: int, command: list[str]) -> int:
    """Return verl's exit status, 0 when the budget ended the run. A run that had spent it already is not started."""
    step = enough(folder, tokens)
    if step is None:
        process = subprocess.Popen(command, start_new_session=True)
        try:
            while (step := enough(folder, tokens)) is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.wait(POLL)
            _wait_for_dump(folder / "validation" / f"{step}.jsonl")
        finally:
            if process.poll() is None:
                _stop(process)
    spent = trained_tokens(folder / "metrics.jsonl")[step]
    print(f"token_budget: {spent:,} tokens by step {step}, {tokens:,} asked for; stopped", file=sys.stderr)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its status, or 0 when the budget was spent."""
    parser = argparse.ArgumentParser(prog="python -m recipes.token_budget", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the run's OUT")
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --: what to run")
    asked = parser.parse_args(argv)
    # without it, ending this process would leave verl, which has a session of its own, behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    if asked.tokens < 1 or not command:
        parser.error("--tokens must be at least 1, and a command must follow --")
    return run(asked.run, asked.tokens, command)


if __name__ == "__main__":
    raise SystemExit(main())
