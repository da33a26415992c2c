import json

import numpy as np
import pytest

from sparft_verl.journal import SCHEMA
from sparft_verl.report.errors import ReportError
from sparft_verl.report.gather import find_journal, gather


def test_counts_pulls_solve_rates_and_flat_groups_by_step_and_arm(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 1]), (0, [1, 0]), (1, [0, 0])])
    folder.step(2, [(1, [0, 1]), (1, [0.5, 0.5]), (1, [0, 0])])

    run = gather(folder.journal)

    assert run.steps.tolist() == [1, 2]
    assert run.series.pulls.tolist() == [[2, 1], [0, 3]]
    assert run.series.groups.tolist() == [[2, 1], [0, 3]]
    np.testing.assert_allclose(run.series.arm_solve_rate, [[0.75, 0.0], [np.nan, 1 / 3]])
    np.testing.assert_allclose(run.series.pull_share, [[2 / 3, 1 / 3], [0, 1]])
    np.testing.assert_allclose(run.series.solve_rate, [0.5, 1 / 3])
    assert (run.series.failed.tolist(), run.series.mastered.tolist(), run.series.level.tolist()) == (
        [1, 1],
        [1, 0],
        [0, 1],
    )
    np.testing.assert_allclose(run.series.degenerate, [2 / 3, 2 / 3])
    assert [values.tolist() for values in run.outcomes] == [[1, 0.5], [0, 0.5, 0.5, 0]]


def test_a_rolled_back_step_is_counted_as_such_and_in_no_series(run_folder):
    folder = run_folder()
    kept = folder.step(1, [(0, [1, 0])])
    folder.step(2, [(1, [1, 1]), (1, [1, 1])])
    folder.resume(1, after=kept)
    folder.step(2, [(0, [0, 0])])

    run = gather(folder.journal)

    assert run.rolled_back == 2
    assert run.resumed == (1,)
    assert run.series.pulls.tolist() == [[1, 0], [1, 0]]
    assert run.series.mastered.tolist() == [0, 0]
    assert [values.tolist() for values in run.outcomes] == [[0.5, 0.0], []]


def test_a_run_begun_anew_over_an_old_journal_counts_only_the_new_one(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 1])])
    folder.resume(0, after=-1)
    folder.writer.write(
        "open", schema=SCHEMA, time=0, method="uniform", config={}, arms=["x"], arm_sizes=[9], fingerprint="f"
    )
    folder.step(1, [(0, [0, 1])])

    run = gather(folder.journal)

    assert (run.method, run.arm_names, run.rolled_back) == ("uniform", ("x",), 1)
    assert run.series.pulls.tolist() == [[1]]


def test_repeated_feedback_counts_once_and_discarded_groups_without_rollouts_have_no_solve_rate(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 1])])
    folder.step(2, [(0, [1, 1])], new=False)
    folder.step(3, [(1, []), (1, [0, 1])], kind="discarded")
    folder.writer.write("cancel", step=2, ticket=3, row=7, arm=1, reason="lost", new=True)
    folder.writer.write("cancel", step=2, ticket=3, row=7, arm=1, reason="lost", new=False)

    run = gather(folder.journal)

    assert run.series.pulls.sum(axis=0).tolist() == [2, 2]
    assert run.series.groups.sum(axis=0).tolist() == [1, 1]
    assert run.discarded.tolist() == [0, 2]
    assert run.cancelled == 1


def test_torn_lines_are_skipped_and_counted(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 0])])
    with folder.journal.open("a") as file:
        file.write('{"event": "propo')

    run = gather(folder.journal)

    assert run.torn == 1
    assert run.series.pulls.sum() == 1


def test_a_run_killed_within_a_step_shows_what_was_served_in_it(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 0])])
    folder.writer.write("propose", ticket=2, step=1, rows=[4], arms=[1], propensity=[1.0])

    run = gather(folder.journal)

    assert run.steps.tolist() == [1, 2]
    assert run.series.pulls.tolist() == [[1, 0], [0, 1]]
    assert np.isnan(run.series.solve_rate[1])


def test_a_missing_journal_is_refused_with_its_path_and_where_to_find_one(tmp_path):
    with pytest.raises(ReportError, match=r"holds no sparft/journal\.jsonl.*default_local_dir"):
        find_journal(tmp_path)
    with pytest.raises(ReportError, match=r"There is no .*absent.*default_local_dir"):
        find_journal(tmp_path / "absent")


def test_an_empty_journal_is_refused_with_its_path(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("")
    with pytest.raises(ReportError, match=r"journal\.jsonl holds no record"):
        gather(path)


def test_a_journal_before_the_first_step_is_refused(run_folder):
    with pytest.raises(ReportError, match=r"1 records but no prompt served.*first step"):
        gather(run_folder().journal)


def test_a_record_that_lacks_a_field_is_refused_with_the_field(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 0])])
    lines = [json.loads(line) for line in folder.journal.read_text().splitlines()]
    del lines[1]["arms"]
    folder.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ReportError, match=r"KeyError\('arms'\)"):
        gather(folder.journal)
