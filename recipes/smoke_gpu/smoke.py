"""The three runs of smoke_gpu/run.sh, without a curriculum, with one until it is killed, and resumed; then one JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import psutil

from recipes.evaluation.scores import records
from recipes.smoke_gpu.assess import assess, failed

SCRIPT = Path(__file__).parents[1] / "gsm8k" / "run_qwen3_0_6b.sh"
STEPS, KILL_AT = 20, 12


class SmokeError(RuntimeError):
    """A run that ended by itself and not well, or did not end."""


def start(out: Path, overrides: list[str], **settings: str) -> subprocess.Popen[bytes]:
    """Start the launch script with its output in OUT.log."""
    out.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OUT": str(out), "STEPS": str(STEPS), **settings}
    with out.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            ["bash", str(SCRIPT), *overrides], stdout=log, stderr=log, env=environment, start_new_session=True
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL verl and all it started here; on a Ray cluster its actors elsewhere die with their job."""
    tree = psutil.Process(process.pid)
    for member in [tree, *tree.children(recursive=True)]:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def wait(
    process: subprocess.Popen[bytes], out: Path, *, step: int | None = None, seconds: float = 7200
) -> None:
    """Return when the run has logged `step`, or without one when it has ended well; else raise SmokeError."""
    end = time.monotonic() + seconds
    while process.poll() is None:
        if step is not None and any(record["step"] >= step for record in records(out / "metrics.jsonl")):
            return
        if time.monotonic() > end:
            kill(process)
            raise SmokeError(f"{out.name}: no end after {seconds:.0f} s; see {out.with_suffix('.log')}")
        time.sleep(0.2)
    if process.returncode or step is not None:
        raise SmokeError(f"{out.name}: ended early with {process.returncode}; see {out.with_suffix('.log')}")


def main(argv: list[str] | None = None) -> int:
    """Run, assess, print the JSON; return 0 if every check holds."""
    parser = argparse.ArgumentParser(prog="python -m recipes.smoke_gpu.smoke", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that holds artefact/")
    parser.add_argument("--device", default="gpu", help="where FAISS must have clustered")
    parser.add_argument("overrides", nargs=argparse.REMAINDER, help="after --: hydra overrides of both runs")
    asked = parser.parse_args(argv)
    overrides = asked.overrides[1:] if asked.overrides[:1] == ["--"] else asked.overrides
    off, on = asked.out / "off", asked.out / "on"
    try:
        for folder in (off, on):
            if (folder / "latest_checkpointed_iteration.txt").exists():
                raise SmokeError(
                    f"{folder} holds an earlier run, which would be resumed; remove it, or set OUT"
                )
        wait(start(off, overrides, BASELINE="full"), off)
        first = start(on, overrides, CURRICULUM="sparft")
        wait(first, on, step=KILL_AT)
        kill(first)
        wait(start(on, overrides, CURRICULUM="sparft"), on)
    except SmokeError as error:
        print(f"smoke_gpu: {error}", file=sys.stderr)
        return 1
    result = {
        "versions": {name: metadata.version(name) for name in ("sparft-verl", "verl", "torch")},
        "nodes": int(os.environ.get("NNODES", "1")),
        "gpus_per_node": int(os.environ.get("NGPUS", "1")),
        **assess(asked.out / "artefact", off, on, steps=STEPS, killed_at=KILL_AT, device=asked.device),
    }
    print(json.dumps(result))
    return int(bool(failed(result)))


if __name__ == "__main__":
    raise SystemExit(main())
