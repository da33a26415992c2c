"""One run: start verl, wait, read what it wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.e2e_full.runs import Run, RunFailed
from benchmarks.machine import commit, machine, versions
from benchmarks.pretrained.outcome import outcome
from benchmarks.pretrained.spec import Spec
from recipes.processes import ProcessTree

SCRIPT = Path(__file__).with_name("run.sh")
PACKAGES = ("sparft-verl", "verl", "torch", "transformers", "ray", "vllm", "sglang")


@dataclass(frozen=True)
class Inputs:
    """What the runs of a sitting share."""

    model: Path
    model_sha256: str
    data: Path
    data_identity: str
    rollout: str = ""
    """verl's rollout on a GPU."""

    def key(self, spec: Spec) -> str:
        """Return a run's name in the store."""
        return spec.key(self.data_identity, self.model_sha256)


def environment(spec: Spec, inputs: Inputs, out: Path) -> dict[str, str]:
    """Return what run.sh reads, on top of the present environment."""
    own = {
        "DEVICE": spec.device,
        "PYTHON": sys.executable,
        "MODEL": str(inputs.model),
        "DATA": str(inputs.data),
        "ARTEFACT": str(inputs.data / f"artefact-{spec.arms}"),
        "OUT": str(out),
        "CURRICULUM": spec.curriculum,
        "SEED": str(spec.seed),
        "STEPS": str(spec.steps),
        "PROMPTS": str(spec.prompts),
        "ROLLOUTS": str(spec.rollouts),
        "PROMPT_TOKENS": str(spec.prompt_tokens),
        "TOKENS": str(spec.tokens),
        "TEST_FREQ": str(spec.test_freq),
        "LR": str(spec.lr),
    }
    # a smoke run is over sooner than a checkpoint of it is written
    own |= {"SAVE_FREQ": "-1"} if spec.device == "cpu" else {"ROLLOUT": inputs.rollout}
    return {**os.environ, **own}


def execute(spec: Spec, inputs: Inputs, work: Path, *, seconds: float) -> dict[str, Any]:
    """Return the record of a run, resumed from verl's last checkpoint if it was begun before.

    Raises RunFailed with the end of its log when it ends badly or takes more than `seconds`.
    """
    out = work / "runs" / inputs.key(spec)
    out.mkdir(parents=True, exist_ok=True)
    keep_metrics(out)
    before, start = machine(), time.monotonic()
    cpu = _train(spec, inputs, out, seconds)
    record = {
        "key": inputs.key(spec),
        "spec": {**asdict(spec), "arms": spec.arms},
        "data": inputs.data_identity,
        "model_sha256": inputs.model_sha256,
        "rollout": inputs.rollout or "hf_cpu",
        "commit": commit(),
        "machine": {**before, "load_after": os.getloadavg()},
        "versions": versions(PACKAGES),
        "seconds_last_sitting": round(time.monotonic() - start, 1),
        "cpu_seconds_last_sitting": round(cpu, 1),
        **outcome(out, inputs.data / "held_out.parquet"),
    }
    for checkpoint in out.glob("global_step_*"):  # 1.6 GB each, and the run is over
        shutil.rmtree(checkpoint)
    return record


def keep_metrics(out: Path) -> None:
    """Rename the metrics of an interrupted sitting: verl's logger begins its file anew."""
    metrics = out / "metrics.jsonl"
    if metrics.exists():
        metrics.rename(out / f"metrics-{len(list(out.glob('metrics-*.jsonl'))):03d}.jsonl")


def _train(spec: Spec, inputs: Inputs, out: Path, seconds: float) -> float:
    """Run verl to its end; return the CPU seconds of all its processes, as far as they were seen."""
    log = out / "log.txt"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            ["bash", str(SCRIPT)], stdout=sink, stderr=subprocess.STDOUT, env=environment(spec, inputs, out),
            cwd=out, start_new_session=True,
        )  # fmt: skip
    run, tree, cpu, end = Run(process, log), ProcessTree(process.pid), 0.0, time.monotonic() + seconds
    try:
        while process.poll() is None and time.monotonic() < end:
            cpu = max(cpu, tree.cpu_seconds())
            time.sleep(0.5)
        run.finish(timeout=0.1)
    finally:
        if process.poll() is None:
            run.kill()
    return cpu


__all__ = ["Inputs", "RunFailed", "execute"]
