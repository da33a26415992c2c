"""The flat `curriculum` block becomes settings of the plug-in and of the method, or is refused by key."""

import pytest
from omegaconf import OmegaConf

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.settings import read_settings


def read(**block):
    return read_settings(OmegaConf.create({"curriculum": {"artefact": "folder", **block}}))


def test_the_keys_of_plug_in_common_and_method_are_told_apart():
    settings = read(method="sparft_target", seed=3, target=0.4, floor=0.01, max_missing=0.1)
    assert (settings.artefact, settings.max_missing) == ("folder", 0.1)
    assert (settings.curriculum.seed, settings.curriculum.floor) == (3, 0.01)
    assert settings.curriculum.params.target == 0.4


def test_mappings_arrive_as_they_were_written():
    weights = {"openai/gsm8k": 2, "code": [[0, 0.0], [100, 1.0]]}
    assert read(method="weighted", weights=weights).curriculum.params.weights == weights


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            {"method": "uniform", "sigma": 1.0},
            r"curriculum\.sigma is not a setting of method 'uniform'; known: method",
        ),
        ({"method": "uniform", "floor": 0.1}, r"curriculum\.floor=0\.1 means nothing to method 'uniform'"),
        ({"method": "sparft", "sigma": -1.0}, r"curriculum\.sigma must be a number in"),
        ({"method": "magic"}, r"curriculum\.method must be one of"),
        ({"method": "uniform", "gate": "soft"}, r"curriculum\.gate must be one of"),
    ],
)
def test_what_cannot_be_honoured_is_refused(block, message):
    with pytest.raises(CurriculumError, match=message):
        read(**block)
