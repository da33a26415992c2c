"""The three runs of smoke_gpu/run.sh, without a curriculum, with one until it is killed, and resumed; then one JSON."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from recipes.evaluation.scores import records
from recipes.processes import ProcessTree
from recipes.smoke_gpu.assess import assess, failed

SCRIPT = Path(__file__).parents[1] / "gsm8k" / "run_qwen3_0_6b.sh"
STEPS, KILL_AT = 20, 12
FREED = 300.0
"""Seconds that a Ray cluster has to take back the GPUs of a killed run."""
_FREE = "import ray; ray.init(log_to_driver=False); print(ray.available_resources().get('GPU', 0))"


class SmokeError(RuntimeError):
    """A run that ended by itself and not well, or did not end."""


@contextmanager
def started(out: Path, overrides: list[str], **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the launch script with its output in OUT.log; whatever is still there at the end is killed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OUT": str(out), "STEPS": str(STEPS), "BUDGET": "steps", **settings}
    with out.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            ["bash", str(SCRIPT), *overrides], stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL verl and all it started here; on a Ray cluster its actors elsewhere die with their job."""
    ProcessTree(process.pid).kill()
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
            raise SmokeError(f"{out.name}: no end after {seconds:.0f} s; see {out.with_suffix('.log')}")
        time.sleep(0.2)
    if process.returncode or step is not None:
        raise SmokeError(f"{out.name}: ended early with {process.returncode}; see {out.with_suffix('.log')}")


def wait_for_gpus(wanted: int, seconds: float = FREED) -> None:
    """Return when the Ray cluster has `wanted` GPUs free: verl ends at once where it finds fewer. SmokeError if never.

    Without RAY_ADDRESS there is nothing to wait for: each run starts a Ray of its own, which was killed with it.
    """
    end = time.monotonic() + seconds
    while "RAY_ADDRESS" in os.environ:
        asked = subprocess.run([sys.executable, "-c", _FREE], capture_output=True, text=True, check=False)
        said = asked.stdout.split()
        if asked.returncode == 0 and said and float(said[-1]) >= wanted:
            return
        if time.monotonic() > end:
            found = said[-1] if said else asked.stderr[-300:]
            raise SmokeError(
                f"the Ray cluster must have {wanted} GPUs free {seconds:.0f} s after the kill, but found {found}; "
                "end what else runs there"
            )
        time.sleep(2)


def three_runs(out: Path, overrides: list[str], gpus: int) -> tuple[Path, Path]:
    """Train OUT/off to the end, and OUT/on to the end by way of a kill; return both folders."""
    off, on = out / "off", out / "on"
    for folder in (off, on):
        if folder.is_dir() and any(folder.iterdir()):
            raise SmokeError(f"{folder} must be new, but holds an earlier run; remove it, or set OUT")
    with started(off, overrides, BASELINE="full") as run:
        wait(run, off)
    wait_for_gpus(gpus)
    with started(on, overrides, CURRICULUM="auto", BASELINE="") as run:
        wait(run, on, step=KILL_AT)
        kill(run)
    wait_for_gpus(gpus)
    with started(on, overrides, CURRICULUM="auto", BASELINE="") as run:
        wait(run, on)
    return off, on


def main(argv: list[str] | None = None) -> int:
    """Run, assess, print the JSON; return 0 if every check holds."""
    parser = argparse.ArgumentParser(prog="python -m recipes.smoke_gpu.smoke", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--artefact", type=Path, required=True, help="what prepare.yaml made")
    parser.add_argument("--device", default="gpu", help="where FAISS must have clustered")
    parser.add_argument("overrides", nargs=argparse.REMAINDER, help="after --: hydra overrides of both runs")
    asked = parser.parse_args(argv)
    overrides = asked.overrides[1:] if asked.overrides[:1] == ["--"] else asked.overrides
    nodes, gpus = int(os.environ.get("NNODES", "1")), int(os.environ.get("NGPUS", "1"))
    # without it, ending this process would leave the run, which has a session of its own, behind
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        off, on = three_runs(asked.out, overrides, nodes * gpus)
    except SmokeError as error:
        print(f"smoke_gpu: {error}", file=sys.stderr)
        return 1
    result = {
        "versions": {name: metadata.version(name) for name in ("sparft-verl", "verl", "torch")},
        "nodes": nodes,
        "gpus_per_node": gpus,
        **assess(asked.artefact, off, on, steps=STEPS, killed_at=KILL_AT, device=asked.device),
    }
    print(json.dumps(result))
    return int(bool(failed(result)))


if __name__ == "__main__":
    raise SystemExit(main())
