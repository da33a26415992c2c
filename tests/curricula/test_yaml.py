"""The YAML of each method: its keys are the method's, its values the defaults, and hydra composes it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import sparft_verl.config
from sparft_verl.curricula import METHODS, CurriculumConfig
from sparft_verl.curricula.config import keys_of

FOLDER = Path(next(iter(sparft_verl.config.__path__))) / "curriculum"
PLUGIN = {"artefact", "max_missing", "success"}


def block(name):
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["curriculum"]


def test_every_method_has_its_file_and_every_file_its_method():
    assert {path.stem for path in FOLDER.glob("*.yaml")} - {"base"} == set(METHODS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_its_keys_are_the_methods_and_its_values_the_defaults(name):
    given = {**block("base"), **block(name)}
    assert set(given) - PLUGIN == set(keys_of(name))
    wanted = CurriculumConfig.of(method=name).as_dict()
    required = {key for key, value in given.items() if value == "???"} - PLUGIN
    assert required <= {"class_path"}
    assert {key: given[key] for key in wanted if key not in required} == {
        key: value for key, value in wanted.items() if key not in required
    }


@pytest.mark.parametrize("name", sorted(METHODS))
def test_it_says_when_to_use_it_and_what_each_key_is(name):
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    head = lines[1 : lines.index("defaults:")]
    assert head and all(line.startswith("# ") for line in head) and any("Use it" in line for line in head)
    keys = lines[lines.index("curriculum:") + 2 :]
    assert all("  # " in line for line in keys if not line.lstrip().startswith("#"))
    assert all(len(line) <= 160 for line in lines)


def test_hydra_composes_every_file():
    program = (
        "import sys\nfrom hydra import compose, initialize_config_module\n"
        "with initialize_config_module('sparft_verl.config', version_base=None):\n"
        "    for name in sys.argv[1:]:\n"
        "        config = compose(overrides=[f'+curriculum={name}', 'curriculum.artefact=x'])\n"
        "        print(config.curriculum.method)\n"
    )
    names = sorted(METHODS)
    done = subprocess.run(
        [sys.executable, "-c", program, *names], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == names, done.stderr
