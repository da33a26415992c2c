"""A plain kill of the benchmark ends what it started."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
CODE = """
import sys
from pathlib import Path
from benchmarks.pretrained import __main__ as command, runs
runs.SCRIPT = Path(sys.argv[1])
command.provide = lambda folder, wheel: {"sha256": "weights"}
command.data.provide = lambda out, sizes, copies: "rows"
sys.exit(command.main(["--work", sys.argv[2], "--json", sys.argv[3]]))
"""


def test_a_plain_kill_ends_the_run_too(tmp_path: Path) -> None:
    script, child = tmp_path / "script.sh", tmp_path / "child"
    script.write_text(f'sleep 600 & echo $! >"{child}.part"; mv "{child}.part" "{child}"; wait')
    words = [str(script), str(tmp_path / "work"), str(tmp_path / "out.json")]
    process = subprocess.Popen([sys.executable, "-c", CODE, *words], cwd=ROOT)
    end = time.monotonic() + 240
    while not child.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
    process.terminate()
    assert process.wait(60) == 128 + 15
    pid = int(child.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "out.json").exists()
