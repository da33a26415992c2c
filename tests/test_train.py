"""`sparft train`: the command line that it makes."""

import pytest

from sparft_verl.train import command, main


def test_a_curriculum_and_the_users_words_reach_verl_in_this_order() -> None:
    line, _ = command(["trainer.seed=1"], curriculum="dump", on_cpu=False)
    assert line[1:] == ["-m", "verl.trainer.main_ppo", "+curriculum=dump", "trainer.seed=1"]
    line, _ = command(["trainer.seed=1"], curriculum=None, on_cpu=False)
    assert line[1:] == ["-m", "verl.trainer.main_ppo", "trainer.seed=1"]


def test_a_cpu_without_a_curriculum_is_refused_with_the_fix(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("verl", reason="needs verl")
    assert main(["--cpu", "--curriculum", "none"]) == 2
    assert "--cpu needs a curriculum, got none" in capsys.readouterr().err
