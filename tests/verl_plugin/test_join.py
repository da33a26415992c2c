"""Whose data: the user's data set stays the user's, whatever verl does to it before the curriculum sees it."""

import numpy as np
import pytest

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.join import join_arms

CHOSEN = list(range(0, 40, 2))


def texts(dataset, arms) -> set[str]:
    return {dataset[int(row)]["raw_prompt"][0]["content"] for row in arms.rows}


def content(rows, chosen) -> set[str]:
    return {rows[i]["prompt"][0]["content"] for i in chosen}


def test_selected_rows_are_found_at_their_positions(rows, save, make_artefact, load) -> None:
    dataset = load(save(rows))
    arms = join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.05)
    np.testing.assert_array_equal(arms.rows, CHOSEN)
    np.testing.assert_array_equal(arms.arm, [0, 1] * 10)  # arms 1 and 3 have no selected row and are dropped
    assert arms.names == ("c0", "c2")
    assert set(arms.source) == {"toy/sum"}


def test_two_train_files_are_joined_over_both(rows, save, make_artefact, load) -> None:
    dataset = load([save(rows[25:], "b.parquet"), save(rows[:25], "a.parquet")])
    arms = join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.0)
    assert texts(dataset, arms) == content(rows, CHOSEN)


def test_files_whose_structs_have_other_keys_still_join(rows, save, make_artefact, load) -> None:
    other = [{**row, "extra_info": {"split": "train", "index": i}} for i, row in enumerate(rows[25:])]
    dataset = load([save(rows[:25], "a.parquet"), save(other, "b.parquet")])
    arms = join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.0)
    assert texts(dataset, arms) == content(rows, CHOSEN)


def test_train_max_samples_with_shuffle_proposes_only_rows_that_are_left(
    rows, save, make_artefact, load
) -> None:
    dataset = load(save(rows), max_samples=30, shuffle=True, seed=3)
    arms = join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.6)
    assert 0 < len(arms.rows) < len(CHOSEN)
    left = {dataset[i]["raw_prompt"][0]["content"] for i in range(len(dataset))}
    assert texts(dataset, arms) == content(rows, CHOSEN) & left


def test_the_overlong_filter_shifts_positions_but_not_content(
    rows, save, make_artefact, load, capsys
) -> None:
    long = [dict(row) for row in rows]
    long[2] = {**rows[2], "prompt": [{"role": "user", "content": "7 + 8 = ? " * 80}]}
    dataset = load(save(long), filter_overlong_prompts=True, max_prompt_length=64)
    assert len(dataset) == 39
    arms = join_arms(make_artefact(long, CHOSEN), dataset, max_missing=0.05)
    assert texts(dataset, arms) == content(long, [i for i in CHOSEN if i != 2])
    message = capsys.readouterr().err
    assert "1 of 20 selected rows" in message and "c2 1" in message


def test_duplicates_are_different_rows_and_none_is_served_for_two(rows, save, make_artefact, load) -> None:
    doubled = [row for row in rows[:10] for _ in range(3)]
    dataset = load(save(doubled))
    arms = join_arms(make_artefact(doubled, [0, 2, 4, 5]), dataset, max_missing=0.0)
    np.testing.assert_array_equal(arms.rows, [0, 2, 4, 5])


def test_the_artefacts_own_parquet_is_a_train_file(rows, make_artefact, load) -> None:
    doubled = rows[:10] + rows[:10]
    artefact = make_artefact(doubled, [12, 13, 14, 3])  # second occurrences, alone in their own parquet
    dataset = load(artefact.path / "selection.parquet")
    arms = join_arms(artefact, dataset, max_missing=0.0)
    np.testing.assert_array_equal(np.sort(arms.rows), [0, 1, 2, 3])


def test_an_empty_join_stops_with_the_fix(rows, save, make_artefact, load) -> None:
    dataset = load(save([{**row, "data_source": "other"} for row in rows]))
    with pytest.raises(CurriculumError, match=r"None of the 20 selected rows.*data\.train_files"):
        join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.05)


def test_more_missing_rows_than_allowed_stop_with_counts_and_setting(rows, save, make_artefact, load) -> None:
    dataset = load(save(rows[:30]))
    with pytest.raises(CurriculumError, match=r"5 of the 20 .*25%, allowed 5%.*curriculum\.max_missing"):
        join_arms(make_artefact(rows, CHOSEN), dataset, max_missing=0.05)


def test_an_edited_row_changes_the_fingerprint_and_a_moved_one_does_not(
    rows, save, make_artefact, load
) -> None:
    artefact = make_artefact(rows, CHOSEN)
    before = join_arms(artefact, load(save(rows)), max_missing=0.1)
    moved = join_arms(artefact, load(save(rows[::-1], "moved.parquet")), max_missing=0.1)
    edited_rows = [dict(row) for row in rows]
    edited_rows[4] = {**rows[4], "reward_model": {"style": "rule", "ground_truth": "0"}}
    edited = join_arms(artefact, load(save(edited_rows, "edited.parquet")), max_missing=0.1)
    assert moved.fingerprint == before.fingerprint
    assert edited.fingerprint != before.fingerprint


def test_reference_pass_rates_of_the_artefact_go_with_the_rows_that_are_left(
    rows, save, make_artefact, load
) -> None:
    rates = {
        "sparft_reference_weak": [i / 80 for i in CHOSEN],
        "sparft_reference_strong": [0.5 + i / 80 for i in CHOSEN],
    }
    artefact = make_artefact(rows, CHOSEN, references=rates)
    arms = join_arms(artefact, load(save(rows[2:])), max_missing=0.1)
    np.testing.assert_allclose(arms.references, np.stack([*map(np.array, rates.values())], axis=1)[1:])
    assert (
        join_arms(make_artefact(rows, CHOSEN, name="plain"), load(save(rows)), max_missing=0).references
        is None
    )


def test_a_data_set_that_is_not_verls_own_is_refused(rows, make_artefact) -> None:
    with pytest.raises(CurriculumError, match="RLHFDataset"):
        join_arms(make_artefact(rows, CHOSEN), [1, 2, 3], max_missing=0.05)
