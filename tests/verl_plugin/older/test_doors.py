"""Every door of verl that sparft-verl uses is where it was, and a door that moves is named."""

import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.version import Version

HERE = Path(__file__).parent


def load():
    spec = util.spec_from_file_location("doors", HERE / "doors.py")
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules["doors"] = module  # a dataclass looks its own module up
    spec.loader.exec_module(module)
    return module


doors = load()
VERSION = Version(metadata.version("verl"))
USED = [door for door in doors.DOORS if doors.applies(door, VERSION)]


@pytest.mark.parametrize("door", USED, ids=lambda door: door.path)
def test_the_door_is_where_it_was(door) -> None:
    problem = door.problem()
    assert problem is None, f"verl {VERSION} moved a door that sparft-verl uses: {problem}"


@pytest.mark.parametrize(
    ("door", "problem"),
    [
        (doors.Door("json.nowhere:loads"), "no module json.nowhere"),
        (doors.Door("json:JSONDecoder.decodes"), "json has no JSONDecoder.decodes (missing at 'decodes')"),
        (doors.Door("json:JSONDecoder.raw_decode", ("text",)), "does not take text"),
        (
            doors.Door("json:JSONDecoder.raw_decode", (), only=True),
            "json:JSONDecoder.raw_decode now also needs s",
        ),
        (doors.Setting("data.train_folder"), "has no data.train_folder (missing at 'train_folder')"),
    ],
)
def test_a_door_that_moved_is_named(door, problem) -> None:
    assert problem in door.problem()


def test_the_list_can_be_run_against_any_verl() -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "doors.py")], capture_output=True, text=True, timeout=300, check=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * len(USED)
