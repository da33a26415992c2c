"""What is kept between runs, what a killed run or a full disk leaves, and what it then costs to go on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparft_verl.artefact import read_artefact
from sparft_verl.prepare import PrepareConfig, from_dotlist, run

Make = Callable[..., PrepareConfig]
Rows = list[dict[str, Any]]
Save = Callable[..., str]

STAGES = ("read", "clean", "difficulty", "embed", "cluster", "write")


def files(artefact: Any) -> dict[str, Any]:
    return dict(artefact.manifest["files"])


def test_a_changed_k_embeds_nothing_anew(settings: Make, tmp_path: Path) -> None:
    cache = f"cache={tmp_path / 'cache'}"
    first = run(settings(cache)).manifest["ledger"]["embed"]
    again = run(settings(cache, "cluster.k=2"))
    assert (first["items"], first["cached"]) == (36, 0)
    assert (again.manifest["ledger"]["embed"]["items"], again.manifest["ledger"]["embed"]["cached"]) == (
        0,
        36,
    )
    assert files(again) == files(run(settings("cluster.k=2", "cache=null"))), (
        "a warm cache gives the bytes of none"
    )


def test_a_changed_prompt_is_embedded_anew(settings: Make, tmp_path: Path, rows: Rows, save: Save) -> None:
    cache = f"cache={tmp_path / 'cache'}"
    run(settings(cache))
    rows[0]["prompt"] = [{"role": "user", "content": "another question"}]
    changed = run(settings(cache, files=save(rows)))
    assert changed.manifest["ledger"]["embed"]["items"] > 0
    assert files(changed) == files(run(settings("cache=null", files=save(rows))))


def test_a_cache_that_was_damaged_is_made_anew(settings: Make, tmp_path: Path) -> None:
    cache = f"cache={tmp_path / 'cache'}"
    before = run(settings(cache))
    damaged = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert damaged
    for path in damaged:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert files(run(settings(cache))) == files(before)


# Each stage says its name before it begins. Forked, so that the libraries are loaded once.
KILLED = """
import os, signal, sys
from sparft_verl.prepare import from_dotlist, run
from sparft_verl.prepare.progress import Progress
import pyarrow.dataset, sklearn.decomposition, sklearn.feature_extraction.text

def die_at(stage):
    say = Progress.say
    def until(self, text):
        say(self, text)
        if text.split()[0] == stage:
            os.kill(os.getpid(), signal.SIGKILL)
    Progress.say = until
    run(from_dotlist(sys.argv[2:]))

for stage in sys.argv[1].split(","):
    child = os.fork()
    if child == 0:
        die_at(stage)
        os._exit(0)
    print(stage, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_kill_at_any_stage_leaves_the_earlier_artefact_and_the_next_run_goes_on(
    settings: Make, tmp_path: Path, rows: Rows, save: Save
) -> None:
    before = run(settings()).fingerprint
    words = [f"data.train_files={save(rows[:30])}", f"out={tmp_path / 'art'}", f"cache={tmp_path / 'cache'}"]
    words += ["embed.engine=lexical", "threads=1", "report=false", "cluster.k=2", "select.budget=8"]
    words += ["clean.near=true", "cluster.engine=sklearn"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, ",".join(STAGES), *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.splitlines() == [f"{stage} -9" for stage in STAGES]
    assert read_artefact(tmp_path / "art").fingerprint == before
    resumed = run(settings(*words[1:], files=words[0].split("=")[1]))
    assert resumed.manifest["ledger"]["embed"]["cached"] == 30, "embedded before the last kill"
    fresh = run(settings(*words[1:], "cache=null", files=words[0].split("=")[1]))
    assert files(resumed) == files(fresh)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art", "cache", "train.parquet"]


FULL = """
import os, resource, sys
from sparft_verl.prepare import main
import pyarrow.dataset, sklearn.decomposition, sklearn.feature_extraction.text

for limit in map(int, sys.argv[1].split(",")):
    child = os.fork()
    if child == 0:
        # no file may grow beyond the limit: the write fails half way, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        os._exit(main(sys.argv[2:]))
    print(limit, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.parametrize(
    ("state", "limits", "owner"),
    [("cold", "100 1000 4000", "kept"), ("none", "100 1000 4000", "kept"), ("warm", "1000 5000", "written")],
)
def test_a_full_disk_stops_with_the_fix_and_leaves_the_earlier_artefact(
    settings: Make, tmp_path: Path, rows: Rows, save: Save, state: str, limits: str, owner: str
) -> None:
    before = run(settings()).fingerprint
    words = [f"data.train_files={save(rows[:30], 'less.parquet')}", f"out={tmp_path / 'art'}"]
    words += [
        "embed.engine=lexical",
        "threads=1",
        "report=false",
        "select.budget=30",
        "cluster.engine=sklearn",
    ]
    words += ["cache=null" if state == "none" else f"cache={tmp_path / 'cache'}", "cluster.k=2"]
    if state == "warm":
        run(from_dotlist([*words, f"out={tmp_path / 'other'}"]))
    (tmp_path / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL, limits.replace(" ", ","), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path / "tmp")},
    )
    assert done.stdout.splitlines() == [f"{limit} 1" for limit in limits.split()], done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("sparft prepare: ")]
    assert len(said) == len(limits.split())
    assert all(f"must be {owner}" in line and "disk" in line and "free space" in line for line in said), said
    assert read_artefact(tmp_path / "art").fingerprint == before
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".art")], (
        "nothing half written is left"
    )


def test_a_page_that_cannot_be_written_costs_the_page_only(settings: Make, tmp_path: Path) -> None:
    config = settings("report=true")
    before = run(config).fingerprint
    words = [
        f"data.train_files={tmp_path / 'train.parquet'}",
        f"out={tmp_path / 'art'}",
        "embed.engine=lexical",
    ]
    words += ["threads=1", "cache=null", "cluster.k=2", "select.budget=9", "cluster.engine=sklearn"]
    (tmp_path / "tmp").mkdir()
    page = (tmp_path / "art.html").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(len(page) // 2), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path / "tmp")},
    )
    assert "the page must be written" in done.stderr and "the artefact itself is complete" in done.stderr
    assert read_artefact(tmp_path / "art").fingerprint != before
    assert (tmp_path / "art.html").read_bytes() == page
