"""A comparison is refused where it cannot run, with what is missing."""

import sys
from pathlib import Path

import pytest
import torch

from benchmarks.pretrained import __main__ as command
from benchmarks.pretrained import place

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@no_gpu
def test_without_a_gpu_compare_says_so_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    target = tmp_path / "out.json"
    assert command.main(["--suite", "compare", "--work", str(tmp_path / "work"), "--json", str(target)]) == 2
    said = capsys.readouterr().err
    assert "compare needs a GPU, but torch" in said and "--suite smoke" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("there", "chosen"), [(("vllm", "sglang"), "vllm"), (("sglang",), "sglang")])
def test_vllm_is_preferred(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], chosen: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(place, "find_spec", lambda name: sys if name in there else None)
    assert place.gpu_rollout() == chosen


def test_a_gpu_without_a_rollout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(place, "find_spec", lambda name: None)
    with pytest.raises(place.PlaceError, match="vllm or sglang, but neither is installed"):
        place.gpu_rollout()


def test_verl_has_the_rollouts_that_are_tried_and_no_other_of_its_own() -> None:
    pytest.importorskip("verl", reason="needs verl")
    from verl.workers.rollout.base import _ROLLOUT_REGISTRY

    names = {name for name, _ in _ROLLOUT_REGISTRY}
    assert set(place.ROLLOUTS) <= names and "hf" not in names


@pytest.mark.parametrize("words", [["--steps", "0"], ["--hours", "0"], ["--seeds", "1", "1"]])
def test_settings_that_make_no_sense_are_refused(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        command.main([*words, "--json", str(tmp_path / "out.json")])
