"""A YAML file under the command line, and settings that are none."""

from pathlib import Path

import pytest

from sparft_verl.prepare.command import main, settings_help
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataFile
from sparft_verl.prepare.settings import from_dotlist, setting_names

YAML = """
data:
  train_files: [a.parquet]
  files:
    - {path: b.jsonl, prompt: question, truth: [a, b], extra: {difficulty: level}, constants: {year: 2024}}
    - {path: c.json, truth: null, extra: [x], truth_pattern: '#### (.*)'}
cluster: {k: 7}
seed: 3
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "run.yaml").write_text(YAML)
    return str(tmp_path / "run.yaml")


def test_the_command_line_lies_over_the_file(file: str) -> None:
    config = from_dotlist(["cluster.k=9", "out=art"], file)
    assert (config.cluster.k, config.seed, config.out) == (9, 3, "art")
    assert config.data.train_files == ["a.parquet"]
    first, second = config.data.files
    assert first == DataFile(
        path="b.jsonl",
        prompt="question",
        truth=["a", "b"],
        extra={"difficulty": "level"},
        constants={"year": 2024},
    )
    assert second == DataFile(path="c.json", truth=None, extra=["x"], truth_pattern="#### (.*)")


def test_files_can_be_given_on_the_command_line() -> None:
    config = from_dotlist(["data.files=[{path: b.jsonl, prompt: question, truth: answer}]"])
    assert config.data.files == [DataFile(path="b.jsonl", prompt="question", truth="answer")]
    assert [one.path for one in config.data.inputs()] == ["b.jsonl"]


@pytest.mark.parametrize(
    "argument, said",
    [
        ("data.train_file=a", r"data.train_file is none of them \(did you mean data.train_files\?\)"),
        ("train_files=a", r"train_files is none of them \(did you mean data.train_files\?\)"),
        ("clutser.k=3", r"clutser is none of them \(did you mean cluster\?\)"),
        (
            "data.files=[{path: a, promt: b}]",
            r"data.files\[\].promt .* \(did you mean data.files\[\].prompt\?\)",
        ),
        ("qqqq=1", "qqqq is none of them; correct"),
        ("seed=x", "'x' of type 'str' could not be converted to Integer"),
        ("data.files=[{path: a, truth_pattern: null}]", "YAML takes what follows a # for a comment"),
        ("data.files=[{path: a, template: b}]", r"must hold \{prompt\}"),
        ("seed=-1", r"seed must lie in \[0, 2\*\*63\), but found -1"),
        ("data.files=[x", "a value cannot be read"),
        ("--quick", "written as name=value, but found '--quick'"),
        ("out", "written as name=value, but found 'out'"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_nearest(argument: str, said: str) -> None:
    with pytest.raises(PrepareError, match=said):
        from_dotlist([argument])


@pytest.mark.parametrize(
    "text, said",
    [
        ("data: {train_fles: a}", r"data.train_fles is none of them \(did you mean data.train_files\?\)"),
        ("[1, 2]", "must hold settings by name"),
        ("data: [", "must be readable YAML"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(PrepareError, match=said):
        from_dotlist([], str(tmp_path / "bad.yaml"))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(PrepareError, match=r"there is none at 'nowhere\.yaml'"):
        from_dotlist([], "nowhere.yaml")


def test_an_empty_file_is_no_settings(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert from_dotlist(["out=a"], str(tmp_path / "empty.yaml")) == from_dotlist(["out=a"])


def test_help_names_every_setting_with_a_sentence() -> None:
    shown = [line.split("=", 1) for line in settings_help().splitlines()]
    names = [name.strip() for name, _ in shown]
    assert "data.files[].truth_pattern" in names
    inner = {name.rsplit(".", 1)[0] for name in names if "." in name}
    assert set(names) == set(setting_names(PrepareConfig)) - inner
    assert all(len(rest.split("  ")[-1]) > 10 for _, rest in shown)


def test_the_command_says_what_is_wrong_and_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--config", str(tmp_path / "none.yaml")]) == 1
    assert capsys.readouterr().err.startswith("sparft prepare: --config must name a YAML file")
    assert main(["cluster.q=1"]) == 1
    assert "cluster.q is none of them" in capsys.readouterr().err
    assert main(["--dryrun"]) == 1
    assert "found '--dryrun'" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "--config FILE" in capsys.readouterr().out
