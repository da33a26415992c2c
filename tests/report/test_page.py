import json
import re
from html.parser import HTMLParser

import pytest

from sparft_verl.report import main
from sparft_verl.report.figures import binned, nice_top, pull_map, solve_map
from sparft_verl.report.gather import gather

VOID = {"meta", "br"}


class Strict(HTMLParser):
    """Fails on tags that are not closed in order; collects tags, attributes and tooltips."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.titles, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "title":
            self.titles.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles[-1] += data


def parse(html):
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def report(folder, *options):
    assert main([str(folder.path), *options]) == 0
    return (folder.path / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def full(run_folder, dump):
    folder = run_folder(('<easy> & "co"', "hard"), (3, 5))
    first = folder.step(1, [(0, [1, 1]), (0, [1, 0]), (1, [0, 0])])
    folder.step(2, [(1, [1, 1])])
    folder.resume(1, after=first)
    for step in range(2, 6):
        folder.step(step, [(0, [1, 1]), (1, [0, 1]), (1, [0.5, 0.5])])
    dump(0, [("q1", 0), ("q2", 0)])
    dump(5, [("q1", 1), ("q2", 0)])
    log = [{"step": s, "data": {"critic/rewards/mean": s / 9, "actor/entropy": None}} for s in (1, 2)]
    (folder.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log) + '{"st')
    return folder


def test_the_page_is_well_formed_and_refers_to_nothing_outside_itself(full):
    html = report(full)
    page = parse(html)
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert not {"script", "link", "img", "iframe", "use", "image"} & set(page.tags)
    assert not [entry for entry in page.attributes if entry[1] in ("src", "href", "xlink:href", "srcset")]
    assert "prefers-color-scheme:dark" in html


def test_every_figure_has_a_name_a_description_and_labelled_axes(full):
    html = report(full)
    page = parse(html)
    roots = [value for tag, key, value in page.attributes if (tag, key) == ("svg", "role")]
    labels = [value for tag, key, value in page.attributes if (tag, key) == ("svg", "aria-label")]
    assert len(roots) == len(labels) == 5  # two maps, the curve, the gains, one metric
    assert all(len(label) > 20 for label in labels)
    assert html.count(">optimiser step</text>") == 3


def test_names_are_escaped_wherever_they_stand(full):
    html = report(full)
    assert "<easy>" not in html
    titles = parse(html).titles
    assert '<easy> & "co", step 1: 67 % (2 of 3 prompts)' in titles


def test_heat_map_cells_tell_what_counting_by_hand_gives(full):
    run = gather(full.journal)
    pulls, solved = parse(pull_map(run)).titles, parse(solve_map(run)).titles
    assert "hard, step 1: 33 % (1 of 3 prompts)" in pulls
    assert "hard, step 2: 67 % (2 of 3 prompts)" in pulls
    assert "hard, step 1: 0 % solved over 1 groups" in solved
    assert "hard, step 2: 50 % solved over 2 groups" in solved
    assert '<easy> & "co", step 1: 75 % solved over 2 groups' in solved
    assert len([tip for tip in pulls if ", step " in tip]) == 2 * 5


def test_what_was_rolled_back_is_said_and_not_drawn(full):
    html = report(full)
    assert "1 prompts were served after a checkpoint" in html
    assert "resumed from step 1" in html
    assert ">15<small>of 8 in 2 arms" in html
    assert "(1 of 1 prompts)" not in html


def test_the_same_files_give_the_same_bytes(full, tmp_path):
    once = report(full)
    assert main([str(full.journal), "--out", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == once
    assert not list(tmp_path.glob(".again*"))


def test_a_run_of_one_step_has_a_page(run_folder):
    folder = run_folder()
    folder.step(1, [(0, [1, 0])])
    html = report(folder)
    page = parse(html)
    assert "nan" not in re.sub(r"<style>.*?</style>", "", html)
    assert "easy, step 1: 100 % (1 of 1 prompts)" in page.titles
    assert page.tags.count("svg") == 3 + 4  # three figures, four keys under the curve


def test_a_run_without_a_finished_group_has_a_page(run_folder):
    folder = run_folder()
    folder.writer.write("propose", ticket=0, step=0, rows=[1], arms=[1], propensity=[1.0])
    titles = parse(report(folder)).titles
    assert "hard, step 1: no group" in titles


def test_a_long_run_is_binned_and_stays_small(run_folder):
    names = [f"family {arm}, difficulty {arm / 10:.1f}" for arm in range(10)]
    folder = run_folder(names, [50] * 10)
    for step in range(1, 501):
        folder.step(step, [((step + slot) % 10, [slot % 2, 1]) for slot in range(16)])
    html = report(folder)
    assert len(html.encode()) < 500_000
    assert "A column stands for 7 steps." in html
    view = binned(gather(folder.journal), 80)
    assert view.series.pulls.sum() == 500 * 16
    assert view.columns[0] == "steps 1 to 7"
    assert view.columns[-1] == "steps 498 to 500"
    assert view.centres[0] == 4.0


def test_hundreds_of_arms_are_joined_to_rows_that_can_be_read(run_folder):
    names = [f"a{arm}" for arm in range(300)]
    folder = run_folder(names, [1] * 300)
    folder.step(1, [(arm, [1, 0]) for arm in range(300)])
    view = binned(gather(folder.journal), 80)
    assert len(view.rows) <= 48
    assert view.rows[0] == "a0 … a6"
    assert view.series.pulls[0, 0] == 7
    assert "A row stands for 7 neighbouring arms." in report(folder)


@pytest.mark.parametrize(
    ("value", "top"), [(0.0, 0.05), (0.05, 0.05), (0.21, 0.25), (1.0, 1.0), (float("nan"), 1.0)]
)
def test_the_scale_of_pulls_ends_at_the_next_five_percent(value, top):
    assert nice_top(value) == pytest.approx(top)


def test_tables_are_printed_when_asked_for(full, capsys):
    report(full, "--text")
    printed = capsys.readouterr().out
    assert '<easy> & "co"' in printed
    assert "held-out accuracy, steps 0 and 5" in printed
    assert printed.strip().endswith("report.html: 5 steps, 15 prompts served")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "absent.jsonl"], "There is no absent.jsonl"),
        (["--validation", "absent"], "There is no absent"),
        (["--heldout", "absent.parquet"], "There is no held-out file absent.parquet"),
    ],
)
def test_an_input_that_is_not_there_stops_with_its_name(full, capsys, options, message):
    assert main([str(full.path), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (full.path / "report.html").exists()


def test_a_folder_without_a_journal_stops_with_status_2(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_file_that_is_no_log_of_verl_stops_with_its_line(full, capsys):
    (full.path / "metrics.jsonl").write_text('{"loss": 1}\n{"step": 1, "data": {}}\n')
    assert main([str(full.path)]) == 2
    assert "metrics.jsonl, line 1" in capsys.readouterr().err


def test_a_step_logged_twice_counts_as_logged_last(full):
    log = [{"step": 1, "data": {"timing_s/step": value}} for value in (5.0, 7.5)]
    (full.path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    labels = [
        value for tag, key, value in parse(report(full)).attributes if (tag, key) == ("svg", "aria-label")
    ]
    assert "timing_s/step. From 7.5 to 7.5" in labels
