"""`${...}` in settings that stands for nothing is said with its file, its place, what is missing and the fix."""

from pathlib import Path

import pytest

from sparft_verl.prepare.command import main
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.settings import from_dotlist

GSM8K = Path(__file__).parents[2] / "recipes" / "gsm8k" / "prepare.yaml"


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "ARTEFACT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "place", "variable"),
    [
        ("out: ${oc.env:DATA}", "out", "DATA"),
        ("data: {train_files: '${oc.env:DATA}/train.parquet'}", "data.train_files", "DATA"),
        ("data: {train_files: [a, '${oc.env:DATA}/b']}", "data.train_files[1]", "DATA"),
        ("clean: {evals: [{name: a, path: '${oc.env:DATA}/x'}]}", "clean.evals[0].path", "DATA"),
        ("cluster: {k: '${oc.env:ARTEFACT}'}", "cluster.k", "ARTEFACT"),
        ("out: ${oc.env:DATA,${oc.env:ARTEFACT}}", "out", "ARTEFACT"),
    ],
)
def test_a_variable_that_is_not_set(tmp_path: Path, text: str, place: str, variable: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(PrepareError) as caught:
        from_dotlist([], str(file))
    said = str(caught.value)
    assert said.startswith(f"{file}: {place} is ") and "KeyError" not in said
    assert f"the environment variable {variable} is not set" in said
    assert f"export {variable}=" in said and f"${{oc.env:{variable},VALUE}}" in said


def test_a_variable_in_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(GSM8K)]) == 1
    said = capsys.readouterr().err
    assert f"{GSM8K}: data.train_files is '${{oc.env:DATA}}/train.parquet'" in said and "export DATA=" in said


def test_a_variable_on_the_command_line_even_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("out: artefact")
    with pytest.raises(PrepareError, match=r"^the command line: out is '\$\{oc\.env:DATA\}/a'.*export DATA="):
        from_dotlist(["out=${oc.env:DATA}/a"], str(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("out: ${where}/a", r"out is '\$\{where\}/a', but there is no setting 'where'; correct the name"),
        ("cluster: {k: '${cluster.kk}'}", r"cluster\.k is .* there is no setting 'cluster\.kk'"),
        ("out: ${nosuch:DATA}", r"out is '\$\{nosuch:DATA\}', but .*nosuch.*; .*\$\{oc\.env:NAME\}"),
        ("out: ${out}", r"out is '\$\{out\}', but .*[Rr]ecursive"),
    ],
)
def test_what_is_no_setting_or_cannot_be_resolved(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    with pytest.raises(PrepareError, match=rf"run\.yaml: {said}"):
        from_dotlist([], str(file))


def test_a_brace_that_is_not_closed_is_said_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("out: ${oc.env:DATA")
    with pytest.raises(PrepareError, match=r"--config must be readable YAML, but .*run\.yaml.* out"):
        from_dotlist([], str(file))


def test_a_default_and_a_variable_that_is_set_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTEFACT", "there")
    file = tmp_path / "run.yaml"
    file.write_text(
        "data: {train_files: '${oc.env:DATA,/path}/a'}\nout: ${oc.env:ARTEFACT}\nseed: ${cluster.k}"
    )
    config = from_dotlist(["cluster.k=3"], str(file))
    assert (config.data.train_files, config.out, config.seed) == ("/path/a", "there", 3)
