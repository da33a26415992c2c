import subprocess
import sys
from importlib import metadata

import pytest

from sparft_verl import cli, doctor


def test_without_a_command_it_lists_all(capsys) -> None:
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("prepare", "train", "report", "simulate", "doctor"))


def test_an_unknown_command_is_refused_with_the_known_ones(capsys) -> None:
    assert cli.main(["trian"]) == 2
    known = ", ".join(cli.COMMANDS)
    assert f"'trian' is not a command; choose from {known}" in capsys.readouterr().err


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sparft_verl.cli", command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"sparft {command}" in done.stdout


def test_the_console_script_is_installed() -> None:
    scripts = {point.name: point.value for point in metadata.entry_points(group="console_scripts")}
    assert scripts["sparft"] == "sparft_verl.cli:main"


def test_doctor_finds_nothing_wrong_where_the_tests_run(capsys) -> None:
    assert doctor.main([]) == 0, capsys.readouterr().out
    assert "FAIL" not in capsys.readouterr().out


def test_doctor_fails_on_an_unsupported_verl_and_says_which_are(monkeypatch, capsys) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: "0.7.0" if package == "verl" else "1.0")
    check = doctor._verl()
    assert not check.ok and check.fix == "install verl>=0.7.1,<0.10"


def test_doctor_fails_when_both_faiss_packages_are_installed(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: "1.15.1")
    check = doctor._faiss()
    assert not check.ok and "overwrite each other" in check.fix
