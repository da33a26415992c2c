"""Which runs a suite asks for, and how a run is named."""

from dataclasses import fields, replace

import pytest

from benchmarks.pretrained import spec
from sparft_verl.curricula import METHODS


def test_compare_has_every_method_with_every_seed_and_whole_rounds_first() -> None:
    found = spec.compare(quick=False)
    assert [(one.seed, one.curriculum) for one in found] == [
        (seed, name) for seed in (1, 2, 3) for name in ("uniform", "sec", "dump", "auto")
    ]
    assert {one.device for one in found} == {"gpu"} and set(spec.COMPARED) <= set(METHODS)
    budgets = {(one.steps, one.prompts, one.rollouts, one.tokens, one.test_freq) for one in found}
    assert len(budgets) == 1
    assert {one.arms for one in found} == {"categories"}


def test_a_smoke_is_small_and_on_the_cpu() -> None:
    found = spec.smoke(quick=False)
    assert [one.curriculum for one in found] == ["uniform", "auto"]
    assert all(one.device == "cpu" and one.steps == 2 and one.tokens == 48 for one in found)
    assert [(one.curriculum, one.steps) for one in spec.smoke(quick=True)] == [("uniform", 1)]


def test_another_setting_data_or_model_is_another_run() -> None:
    base = spec.smoke(quick=False)[0]
    keys = {base.key("data", "model"), base.key("other", "model"), base.key("data", "other")}
    for field in fields(base):
        value = getattr(base, field.name)
        other = f"{value}x" if isinstance(value, str) else value + 1
        keys.add(replace(base, **{field.name: other}).key("data", "model"))
    assert len(keys) == 3 + len(fields(base))
    assert base.key("data", "model") == replace(base).key("data", "model")


@pytest.mark.parametrize(
    ("suite", "quick", "train"), [("smoke", False, 6), ("compare", True, 6), ("compare", False, 300)]
)
def test_only_the_comparison_uses_the_whole_data(suite: str, quick: bool, train: int) -> None:
    assert spec.sizes(suite, quick, False).train == train
