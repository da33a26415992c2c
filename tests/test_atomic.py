"""A file is whole or absent, whatever happens while it is written."""

import os
import signal
import stat
from pathlib import Path

import pytest

from sparft_verl import atomic
from sparft_verl.atomic import leftovers, written_aside


def killed_while_writing(path: Path, instant: str) -> int:
    """Write "new" to `path` in a child that is killed at the instant; return the signal, 0 for none."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child:
        return -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if instant == "sync":
        atomic.os.fsync = die
    if instant == "rename":
        Path.replace = die  # type: ignore[method-assign,assignment]
    with written_aside(path) as aside:
        aside.write_text("ne" if instant == "write" else "new")
        if instant == "write":
            die()
    if instant == "renamed":
        die()
    os._exit(0)


@pytest.mark.parametrize(
    ("instant", "kept"), [("write", "old"), ("sync", "old"), ("rename", "old"), ("renamed", "new")]
)
def test_a_kill_leaves_the_earlier_file_or_the_new_one(tmp_path: Path, instant: str, kept: str) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    assert killed_while_writing(path, instant) == signal.SIGKILL
    assert path.read_text() == kept
    assert len(leftovers(path)) == (kept == "old")


def test_an_error_leaves_nothing_aside_and_the_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with pytest.raises(ValueError, match="midway"), written_aside(path) as aside:
        aside.write_text("half")
        raise ValueError("midway")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_must_last_waits_for_the_disk(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(atomic, "sync", lambda path: seen.append(path.read_text()))
    with written_aside(tmp_path / "file", durable=durable) as aside:
        aside.write_text("all of it")
    assert seen == ["all of it"] * durable


def test_two_writers_do_not_meet_and_the_file_is_as_readable_as_any(tmp_path: Path) -> None:
    path, plain = tmp_path / "file", tmp_path / "plain"
    with written_aside(path) as one, written_aside(path) as other:
        one.write_text("1")
        other.write_text("2")
    assert path.read_text() == "1" and leftovers(path) == []
    plain.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
