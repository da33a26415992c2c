"""Which doors of an older verl a run is pointed at, from its configuration alone."""

import pytest
from omegaconf import DictConfig, OmegaConf
from packaging.version import Version

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.older import BLOCK
from sparft_verl.verl_plugin.older.switch import ROWS, SAMPLER, is_older, switch_older
from sparft_verl.verl_plugin.settings import read_settings

OLD, SEAM, NEW = Version("0.7.1"), Version("0.8.0"), Version("0.9.1")


def config(**data) -> DictConfig:
    made = OmegaConf.create(
        {
            "curriculum": {"artefact": "there", "method": "sparft", "seed": "${seed}"},
            "seed": 3,
            "data": {
                "train_files": "train.parquet",
                "val_files": "${data.train_files}",
                "dataloader_num_workers": 0,
                "custom_cls": {"path": None, "name": None},
                "sampler": {"class_path": None, "class_name": None},
                **data,
            },
            "trainer": {
                "use_v1": False, "default_local_dir": "checkpoints/${trainer.project_name}", "resume_mode": "auto",
                "resume_from_path": None, "project_name": "p", "experiment_name": "e", "logger": ["console"],
            },
        }
    )  # fmt: skip
    OmegaConf.set_struct(made, True)
    return made


@pytest.mark.parametrize(
    ("version", "use_v1", "older"),
    [("0.7.1", None, True), ("0.8.0", None, True), ("0.8.1.dev0", None, True), ("0.9.0", False, True),
     ("0.9.1", False, True), ("0.9.0", True, False), ("0.9.1", True, False), ("0.10.0", True, False)],
)  # fmt: skip
def test_what_an_older_trainer_is(version, use_v1, older) -> None:
    trainer = {} if use_v1 is None else {"use_v1": use_v1}
    assert is_older(OmegaConf.create({"trainer": trainer}), Version(version)) is older


def test_a_run_of_the_v1_trainer_is_left_alone() -> None:
    run = config()
    run.trainer.use_v1 = True
    before = OmegaConf.to_yaml(run)
    assert not switch_older(run, NEW)
    assert OmegaConf.to_yaml(run) == before


def test_verl_0_7_gets_a_sampler_and_labelled_rows() -> None:
    run = config()
    assert switch_older(run, OLD)
    assert run.data.sampler == {"class_path": SAMPLER, "class_name": "NativeSampler"}
    assert run.data.custom_cls == {"path": ROWS, "name": "LabelledRows"}


@pytest.mark.parametrize("version", [SEAM, NEW])
def test_later_lines_get_rows_that_the_curriculum_serves(version) -> None:
    run = config()
    assert switch_older(run, version)
    assert run.data.custom_cls == {"path": ROWS, "name": "ServedRows"}
    assert run.data.sampler.class_path is None


def test_the_data_set_is_told_all_that_it_can_see_nowhere_else() -> None:
    run = config()
    switch_older(run, SEAM)
    settings = read_settings(run.data[BLOCK])
    assert (settings.artefact, settings.curriculum.seed) == ("there", 3)
    assert run.data[BLOCK].default_local_dir == "checkpoints/p"
    assert run.data[BLOCK].logger == ["console"]


def test_training_and_validation_files_become_two_objects_even_where_they_are_the_same() -> None:
    run = config()
    switch_older(run, SEAM)
    OmegaConf.resolve(run)
    assert run.data.train_files == run.data.val_files == ["train.parquet"]
    assert run.data.train_files is not run.data.val_files


def test_a_data_set_class_of_the_users_own_stays_below_ours() -> None:
    run = config(custom_cls={"path": "/x/my.py", "name": "Mine"})
    switch_older(run, SEAM)
    assert run.data.custom_cls.name == "ServedRows::/x/my.py::Mine"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"dataloader_num_workers": 8}, "data.dataloader_num_workers=0, got 8"),
        ({"sampler": {"class_path": "x.py", "class_name": "S"}}, "beside data.sampler.class_path='x.py'"),
    ],
)
def test_what_the_curriculum_cannot_run_beside_is_refused(data, message) -> None:
    with pytest.raises(CurriculumError, match=message):
        switch_older(config(**data), OLD)


def test_a_gate_is_refused_because_these_trainers_refill_nothing() -> None:
    run = config()
    with pytest.raises(CurriculumError, match=r"curriculum\.gate=dapo needs a trainer that can refill"):
        OmegaConf.set_struct(run, False)
        run.curriculum.gate = "dapo"
        switch_older(run, SEAM)
