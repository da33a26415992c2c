"""Arms, configuration and registry refuse what they cannot honour."""

import dataclasses
import inspect
import math

import numpy as np
import pytest

from sparft_verl.curricula import METHODS, Arms, CurriculumConfig
from sparft_verl.curricula.config import COMMON, keys_of
from sparft_verl.curricula.packing import pack, unpack
from sparft_verl.curricula.registry import method


def fields(**changes):
    """Two arms, three prompts."""
    base = {
        "rows": np.array([4, 0, 9]),
        "arm": np.array([0, 1, 1], dtype=np.int32),
        "names": ("easy", "hard"),
        "difficulty": np.array([0.0, math.nan, 1.0]),
        "source": ("a", "a", "b"),
        "fingerprint": "f",
    }
    return {**base, **changes}


def test_arms_are_private_and_cannot_be_written():
    rows = np.array([4, 0, 9])
    arms = Arms(**fields(rows=rows))
    rows[0] = 77
    assert arms.rows.tolist() == [4, 0, 9] and arms.sizes.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        arms.rows[0] = 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": np.array([4, 4, 9])}, "different positions"),
        ({"rows": np.array([-1, 4, 9])}, "different positions >= 0"),
        ({"rows": np.array([1.0, 4.0, 9.0])}, "rows must be integers"),
        ({"arm": np.array([0, 1, 2])}, r"arm must lie in 0 .. 1, got 0 .. 2"),
        ({"arm": np.array([0, 1])}, "vector of 3 values"),
        ({"names": ("x", "x")}, "names must be different"),
        ({"difficulty": np.array([0.0, 1.1, 0.0])}, r"lie in \[0, 1\] or be nan"),
        ({"source": ("a",)}, "3 rows, 1 sources"),
        ({"fingerprint": ""}, "fingerprint must not be empty"),
        (
            {
                "rows": np.array([], dtype=int),
                "arm": np.array([], dtype=int),
                "difficulty": np.array([]),
                "source": (),
            },
            "at least one selected row",
        ),
    ],
)
def test_impossible_arms_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Arms(**fields(**changes))


@pytest.mark.parametrize("change", ["rows", "arm", "names"])
def test_the_layout_tells_rows_arms_and_names_apart(change):
    arms = Arms(**fields())
    other = {"rows": np.array([4, 0, 8]), "arm": np.array([1, 1, 0]), "names": ("easy", "harder")}
    assert dataclasses.replace(arms, **{change: other[change]}).layout != arms.layout
    assert Arms(**fields()).layout == arms.layout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "method must be one of .*sparft.*, got 'magic'"),
        ({"seed": -1}, "seed must be an integer"),
        ({"seed": 2**63}, "seed must be an integer"),
        ({"seed": True}, "seed must be an integer"),
        ({"choice": "arm"}, "choice must be one of slot, batch"),
        ({"sigma": 0.0}, "sigma must be a number in"),
        ({"sigma": math.nan}, "sigma must be a number in"),
        ({"sigma": "1"}, "sigma must be a number in .*1.0 is the default"),
        ({"repeat": "no"}, "repeat must be true or false"),
        ({"floor": -0.1}, "floor must be a number in 0 .. 1"),
        ({"cap": 0.0}, "cap must be a number in"),
        ({"cooldown": 1.5}, "cooldown must be an integer"),
        ({"quota": [0.5]}, "quota must be a mapping"),
        ({"quota": {"a": 0.7, "b": 0.6}}, "shares must sum to at most 1, got 1.3 at step 0"),
        ({"quota": {"a": [[5, 0.1], [5, 0.2]]}}, r"quota\['a'\]: steps must be >= 0 and rise"),
        ({"quota": {"a": -0.1}}, "values must lie in 0 .. 1"),
        ({"quota": {"a": "half"}}, "must be a number or"),
        ({"gate": "maybe"}, "gate must be one of none, dapo, band, variance"),
        ({"gate": "band", "gate_low": 0.9}, "gate_low must not exceed gate_high, got 0.9 > 0.8"),
        ({"colour": 1}, "colour is not a setting of method 'sparft'; known: method, seed, .*sigma"),
        ({"method": "uniform", "sigma": 1.0}, "sigma is not a setting of method 'uniform'; known: method"),
        (
            {"method": "uniform", "floor": 0.1},
            "floor=0.1 means nothing to method 'uniform': it chooses no arm",
        ),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CurriculumConfig.of(**changes)


OTHERS = {
    "seed": 1,
    "repeat": True,
    "floor": 0.01,
    "cap": 0.5,
    "cooldown": 1,
    "quota": {"a": 0.5},
    "unique_budget": 5,
    "gate": "band",
    "gate_low": 0.1,
    "gate_high": 0.9,
    "gate_refills": 7,
}


def test_every_common_setting_has_its_place_in_the_hash():
    assert set(OTHERS) == set(COMMON)
    digests = {CurriculumConfig.of({key: value}).digest() for key, value in OTHERS.items()}
    assert len(digests | {CurriculumConfig().digest()}) == len(OTHERS) + 1
    assert CurriculumConfig.of(sigma=1).digest() == CurriculumConfig().digest()


def sources_of(owner: type) -> str:
    return "".join(inspect.getsource(each) for each in owner.__mro__[:-1])


@pytest.mark.parametrize("owner", [CurriculumConfig, *(METHODS[name].params for name in sorted(METHODS))])
def test_every_setting_has_its_sentence(owner):
    text = sources_of(owner)
    for item in dataclasses.fields(owner):
        sentence = text.split(f"    {item.name}: ", 1)[1].split('"""', 2)[1]
        assert sentence.strip().endswith("."), (owner, item.name)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_configuration_comes_back_from_its_flat_form(name):
    config = CurriculumConfig.of(method=name, seed=7)
    assert CurriculumConfig.of(config.as_dict()) == config
    assert tuple(config.as_dict()) == keys_of(name)
    for item in dataclasses.fields(METHODS[name].params):
        with pytest.raises(ValueError, match=item.name):
            CurriculumConfig.of({"method": name, item.name: object()})


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_common_setting_is_honoured_or_refused_with_the_reason(name):
    for key, value in OTHERS.items():
        if key in METHODS[name].refuses:
            with pytest.raises(ValueError, match=f"{key}=.* means nothing to method '{name}': "):
                CurriculumConfig.of({"method": name, key: value})
        else:
            assert getattr(CurriculumConfig.of({"method": name, key: value}), key) == value


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="'sparft' is registered twice"):
        method("sparft", "Again.")(METHODS["sparft"].factory)


def test_a_method_cannot_take_the_name_of_a_common_setting():
    taken = dataclasses.make_dataclass("Taken", [("seed", int, 0)], frozen=True)
    with pytest.raises(ValueError, match="seed is a setting that every curriculum has"):
        method("new", "New.", taken)(METHODS["sparft"].factory)


def test_a_packed_state_is_bytes_and_text_and_comes_back_equal():
    state = {"a": np.arange(3), "b": {"c": [1, 2.5, "x", None, True, {"d": np.zeros(0)}]}}
    packed = pack(state)
    assert isinstance(packed["json"], str) and isinstance(packed["arrays"], bytes)
    back = unpack(packed)
    assert back["a"].tolist() == [0, 1, 2] and back["a"].dtype == np.int64
    assert back["b"]["c"][:5] == [1, 2.5, "x", None, True] and back["b"]["c"][5]["d"].shape == (0,)
    assert pack(back) == packed


@pytest.mark.parametrize("value", [np.array([object()]), {1: 2}, {"__array__": "a0"}, (1,), np.int64(1)])
def test_what_cannot_be_saved_without_pickle_is_refused(value):
    with pytest.raises(TypeError, match="a state"):
        pack({"x": value} if not isinstance(value, dict) else value)


def test_a_damaged_packed_state_is_refused():
    packed = pack({"a": np.arange(3)})
    for change in (
        {"arrays": packed["arrays"][:20]},
        {"arrays": b""},
        {"json": packed["json"][:-2]},
        {"json": '{"a": {"__array__": "a9"}}'},
        {"json": "[1]"},
    ):
        with pytest.raises(ValueError, match="damaged state"):
            unpack({**packed, **change})
