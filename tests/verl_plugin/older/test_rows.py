"""verl's data set under a curriculum, outside a trainer."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from sparft_verl.sampler import Served
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.older import BLOCK
from sparft_verl.verl_plugin.older.switch import ROWS

rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset", reason="needs verl")

MINE = """
from verl.utils.dataset.rl_dataset import RLHFDataset
class Mine(RLHFDataset):
    def __getitem__(self, item):
        row = super().__getitem__(item)
        row["mine"] = True
        row["extra_info"] = None
        return row
class Changing(RLHFDataset):
    def on_batch_end(self, batch):
        pass
"""


@pytest.fixture
def make(tmp_path, rows, make_artefact, save, tokenizer):
    """Make a data set as verl does, by the class that the configuration names."""
    artefact, files = make_artefact(rows, list(range(20))), str(save(rows))

    def make(name: str = "ServedRows", which: str = "train_files", files_as: Any = None) -> Any:
        config = OmegaConf.create(
            {
                "train_files": [files], "val_files": [files], "cache_dir": str(tmp_path / "cache"),
                "train_batch_size": 4, "max_prompt_length": 256, "filter_overlong_prompts": False,
                "custom_cls": {"path": ROWS, "name": name},
                BLOCK: {
                    "curriculum": {"artefact": str(artefact.path), "method": "sparft"}, "resume_mode": "auto",
                    "resume_from_path": None, "default_local_dir": str(tmp_path), "logger": ["console"],
                    "project_name": "p", "experiment_name": "e",
                },
            }
        )  # fmt: skip
        kind = rl_dataset.get_dataset_class(config)
        return kind(
            data_files=config[which] if files_as is None else files_as,
            tokenizer=tokenizer,
            processor=None,
            config=config,
            max_samples=-1,
        )

    return make


def test_a_batch_is_the_curriculums_choice_and_says_so_in_extra_info(make) -> None:
    dataset = make()
    batch = dataset.__getitems__([36, 37, 38, 39])
    infos = [row["extra_info"] for row in batch]
    assert len({info["sparft_row"] for info in infos}) == 4 and all(i["sparft_row"] < 20 for i in infos)
    assert {info["sparft_ticket"] for info in infos} == {0} and {info["split"] for info in infos} == {"train"}
    for row, info in zip(batch, infos, strict=True):
        assert row["raw_prompt"] == dataset[info["sparft_row"]]["raw_prompt"]


def test_a_single_row_is_the_one_that_was_asked_for(make) -> None:
    assert "sparft_row" not in make()[3]["extra_info"]


def test_the_validation_set_is_untouched_even_over_the_same_file(make) -> None:
    rows = make(which="val_files").__getitems__([2, 0])
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["4", "0"]
    assert all("sparft_row" not in row["extra_info"] for row in rows)


def test_a_trainer_that_never_gives_feedback_is_stopped_at_its_second_batch(make) -> None:
    dataset = make()
    dataset.__getitems__([0, 1, 2, 3])
    with pytest.raises(CurriculumError, match=r"asks for batch 2 .* neither train_dataset\.on_batch_end nor"):
        dataset.__getitems__([4, 5, 6, 7])


def test_files_that_are_neither_of_the_configurations_two_are_refused(make) -> None:
    with pytest.raises(CurriculumError, match="cannot be told apart"):
        make(files_as=["other.parquet"])


def test_a_class_of_the_users_own_keeps_its_rows(make, tmp_path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    dataset = make(f"ServedRows::{tmp_path}/mine.py::Mine")
    assert "Mine" in type(dataset).__name__
    (row, *_) = dataset.__getitems__([0, 1, 2, 3])
    assert row["mine"] and set(row["extra_info"]) == {"sparft_row", "sparft_ticket"}


def test_labelled_rows_know_the_ticket_they_were_served_under(make) -> None:
    dataset = make("LabelledRows")
    assert dataset[Served(5, 9, 0)]["extra_info"] == {"split": "train", "sparft_row": 5, "sparft_ticket": 9}
    assert dataset[5]["extra_info"] == {"split": "train"}


def test_a_class_that_changes_its_own_rows_is_refused(make, tmp_path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(CurriculumError, match=r"data\.custom_cls=Changing, whose own on_batch_end"):
        make(f"ServedRows::{tmp_path}/mine.py::Changing")


def test_resuming_from_a_checkpoint_without_a_curriculum_stops_before_any_model_is_loaded(
    make, tmp_path
) -> None:
    (tmp_path / "global_step_3").mkdir()
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("3")
    with pytest.raises(CurriculumError, match=r"global_step_3, which holds no state of a curriculum"):
        make()


def test_a_state_that_verl_pairs_with_another_step_is_refused(make) -> None:
    with pytest.raises(CurriculumError, match="resumes its data loader at step 7, the curriculum at None"):
        make().load_state_dict({"sparft_step": 7})


def test_a_damaged_state_is_named(make, tmp_path) -> None:
    dataset = make()
    dataset.__getitems__([0, 1, 2, 3])
    assert dataset.state_dict() == {"sparft_step": 1}
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("1")
    path = tmp_path / "global_step_1" / "sparft_state.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CurriculumError, match=r"sparft_state\.npz is damaged"):
        make()
