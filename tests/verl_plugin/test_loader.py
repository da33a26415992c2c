"""The state of a curriculum in verl's own data-loader checkpoint."""

import pytest

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET
from sparft_verl.verl_plugin.join import join_arms
from sparft_verl.verl_plugin.loader import CurriculumDataLoader

CHOSEN = list(range(0, 40, 2))


@pytest.fixture
def make_loader(rows, save, make_artefact, load):
    files, artefact = save(rows), make_artefact(rows, CHOSEN)

    def make(files=files, seed: int = 1) -> CurriculumDataLoader:
        dataset = load(files)
        arms = join_arms(artefact, dataset, max_missing=0.1)
        sampler = CurriculumSampler(
            build(CurriculumConfig.of(seed=seed), arms), batch_size=8, length=len(dataset)
        )
        return CurriculumDataLoader(dataset, sampler, 8)

    return make


def train(loader, iterator, step: int) -> list[int]:
    """Serve one batch, feed back a success that depends on the row, close the step."""
    batch = next(iterator)
    served = [int(row) for row in batch[ROW]]
    sampler = loader.sampler
    sampler.observe(
        Feedback(int(ticket), row, [float(row % 3 == 0), 0.0])
        for ticket, row in zip(batch[TICKET], served, strict=True)
    )
    sampler.tick(step)
    return served


def test_a_served_batch_carries_position_and_ticket_beside_verls_own_columns(make_loader) -> None:
    loader = make_loader()
    batch = next(iter(loader))
    assert {"raw_prompt", "data_source", "reward_model", "index", ROW, TICKET} <= set(batch)
    assert set(batch[ROW]) <= set(CHOSEN) and set(batch[TICKET]) == {0}
    for row, prompt in zip(batch[ROW], batch["raw_prompt"], strict=True):
        assert prompt[0]["content"].startswith(f"{row} + ")


def test_verls_epoch_is_still_the_full_data_set(make_loader) -> None:
    loader = make_loader()
    assert len(loader.dataset) == 40 and len(loader) == 40 // 8


def test_a_restored_loader_serves_what_the_uninterrupted_one_serves(make_loader) -> None:
    loader = make_loader()
    iterator = iter(loader)
    for step in range(1, 5):
        train(loader, iterator, step)
    state = loader.state_dict()
    expected = [train(loader, iterator, step) for step in range(5, 12)]

    restored = make_loader()
    restored.load_state_dict(state)
    iterator = iter(restored)
    assert [train(restored, iterator, step) for step in range(5, 12)] == expected


def test_a_checkpoint_without_a_curriculum_is_refused(make_loader) -> None:
    from torch.utils.data import RandomSampler
    from torchdata.stateful_dataloader import StatefulDataLoader

    stock = StatefulDataLoader(list(range(40)), batch_size=8, sampler=RandomSampler(range(40)))
    next(iter(stock))
    with pytest.raises(CurriculumError, match="holds no state of a curriculum"):
        make_loader().load_state_dict(stock.state_dict())


def test_a_row_edited_between_save_and_resume_is_refused_by_its_fingerprint(make_loader, rows, save) -> None:
    loader = make_loader()
    train(loader, iter(loader), 1)
    edited = [dict(row) for row in rows]
    edited[6] = {**rows[6], "prompt": [{"role": "user", "content": "6 + 7 = ?"}]}
    other = make_loader(save(edited, "edited.parquet"))
    other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="fingerprint"):
        iter(other)


def test_a_state_of_another_configuration_is_refused_naming_the_difference(make_loader) -> None:
    loader = make_loader()
    train(loader, iter(loader), 1)
    other = make_loader(seed=2)
    other.load_state_dict(loader.state_dict())
    with pytest.raises(ValueError, match="seed"):
        iter(other)
