import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.report import format_table, heldout_table, paired_gain
from sparft_verl.report.errors import ReportError
from sparft_verl.report.families import Families, read_families
from sparft_verl.report.heldout import read_heldout


def parquet(path, rows):
    prompts = [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}] for text, _ in rows
    ]
    pq.write_table(pa.table({"prompt": prompts, "data_source": [source for _, source in rows]}), path)
    return path


def test_pairs_items_by_prompt_at_the_first_and_last_step_and_totals_them(dump, tmp_path):
    dump(0, [("user\nA1\n", 0), ("user\nA2\n", 0), ("user\nB1\n", 1), ("user\nB2\n", 0)])
    dump(5, [("user\nA1\n", 1)])
    folder = dump(10, [("user\nB2\n", 0), ("user\nA2\n", 1), ("user\nA1\n", 1), ("user\nB1\n", 0)])
    file = parquet(tmp_path / "held.parquet", [("A1", "a"), ("A2", "a"), ("B1", "b"), ("B2", "b")])

    rows = heldout_table(folder, file)

    assert [(row.source, row.before, row.after, row.gain.n) for row in rows] == [
        ("a", 0.0, 1.0, 2),
        ("b", 0.5, 0.0, 2),
        ("all", 0.25, 0.5, 4),
    ]
    assert rows[2].gain == paired_gain([0, 0, 1, 0], [1, 1, 0, 0])
    assert rows[0].gain.mean == 1.0


def test_rollouts_of_one_item_are_averaged_and_acc_goes_before_score(dump):
    record = {"input": "q", "output": "", "gts": "", "score": -1.0, "step": 0}
    dump(0, [record | {"acc": 1.0}, record | {"acc": 0.0}])
    folder = dump(2, [record | {"acc": True}, record | {"acc": None, "score": 0.5}])
    (row,) = heldout_table(folder)
    assert (row.source, row.before, row.after, row.gain.n) == ("all", 0.5, 0.75, 1)


def test_a_data_source_in_the_dump_is_used_without_a_held_out_file(dump):
    dump(
        0,
        [
            {"input": "q", "score": 0, "data_source": "gsm8k"},
            {"input": "r", "score": 1, "data_source": "math"},
        ],
    )
    folder = dump(2, [{"input": "q", "score": 1}, {"input": "r", "score": 1}])
    assert [row.source for row in heldout_table(folder)] == ["gsm8k", "math", "all"]


def test_items_of_one_dump_only_are_counted_and_left_out(dump):
    dump(0, [("q", 0), ("gone", 1)])
    folder = dump(2, [("q", 1), ("new", 1), ("newer", 1)])
    heldout = read_heldout(folder)
    assert heldout.unpaired == 3
    assert heldout.rows[0].gain.n == 1


def test_one_dump_alone_is_refused_with_the_settings_that_write_two(dump):
    folder = dump(3, [("q", 0)])
    with pytest.raises(ReportError, match=r"holds 3\.jsonl\. Train with .*val_before_train=true"):
        read_heldout(folder)


def test_dumps_of_different_sets_are_refused_with_both_sizes(dump):
    dump(0, [("q", 0)])
    folder = dump(1, [("r", 0), ("s", 0)])
    with pytest.raises(
        ReportError, match=r"0\.jsonl \(1 items\) and 1\.jsonl \(2\) have no prompt in common"
    ):
        read_heldout(folder)


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"input": "q"}', '{"input": "q", "score": NaN}', '{"score": 1}']
)
def test_a_line_that_is_no_validation_record_is_refused_with_its_number(dump, line):
    dump(0, [("q", 0)])
    folder = dump(1, [("q", 0)])
    with (folder / "1.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ReportError, match=r"1\.jsonl, line 2, is not a validation record"):
        read_heldout(folder)


def test_the_longest_text_in_a_prompt_decides_whatever_the_template_and_white_space():
    families = Families({"2 + 2": "short", "12 + 2 =\n?": "long", "2 + 2 = ?": "middle"})
    items = ["<s>user\n12 + 2 = ?</s>", "sys A\nuser\n2 + 2\nassistant", "sys B user 2 + 2 = ? assistant\n"]
    assert families.locate(items) == dict(zip(items, ["long", "short", "middle"], strict=True))


def test_a_learnt_template_does_not_cut_a_text_that_looks_like_it():
    families = Families({"end. end.": "twice", "end.": "once"})
    items = ["user end. end. go", "user end. go", "user end. end. go now"]
    assert families.locate(items) == dict(zip(items, ["twice", "once", "twice"], strict=True))


def test_a_foreign_held_out_file_is_refused_with_the_counts():
    families = Families({"known": "x"}, "val.parquet")
    with pytest.raises(
        ReportError, match=r"3 of the first 3 validation items \(of 40\).*val\.parquet \(1 texts\)"
    ):
        families.locate([f"other {index}" for index in range(40)])


def test_a_few_items_without_a_source_are_counted_and_left_out(dump, tmp_path):
    items = [(f"user\nquestion {index:03}", 0) for index in range(50)]
    dump(0, items)
    folder = dump(1, items)
    file = parquet(tmp_path / "held.parquet", [(f"question {index:03}", "a") for index in range(49)])
    heldout = read_heldout(folder, read_families(file))
    assert heldout.unmapped == 1
    assert [(row.source, row.gain.n) for row in heldout.rows] == [("a", 49)]


def test_a_text_under_two_sources_joins_their_names(tmp_path):
    file = parquet(tmp_path / "held.parquet", [("q", "math"), ("q", "math500")])
    assert read_families(file).locate(["user q"]) == {"user q": "math + math500"}


def test_messages_made_of_parts_are_found_by_their_text(tmp_path):
    prompts = [
        [{"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": "Count."}]}]
    ]
    pq.write_table(pa.table({"prompt": prompts, "data_source": ["v"]}), tmp_path / "held.parquet")
    assert read_families(tmp_path / "held.parquet").locate(["user\nCount.\n"]) == {"user\nCount.\n": "v"}


def test_a_held_out_file_without_its_columns_is_refused_with_those_it_has(tmp_path):
    pq.write_table(pa.table({"question": ["q"]}), tmp_path / "held.parquet")
    with pytest.raises(
        ReportError, match="has the columns question; the held-out file needs prompt and data_source"
    ):
        read_families(tmp_path / "held.parquet")
    with pytest.raises(ReportError, match="There is no held-out file"):
        read_families(tmp_path / "absent.parquet")


def test_twenty_thousand_items_are_located_in_seconds():
    texts = {f"{'filler ' * 20} question {index}": str(index % 7) for index in range(20_000)}
    items = [f"system\nuser\n{text}\nassistant\n" for text in texts]
    began = time.process_time()
    assert Families(texts).locate(items) == dict(zip(items, texts.values(), strict=True))
    assert time.process_time() - began < 10


def test_the_table_for_a_terminal_lines_its_columns_up(dump):
    dump(0, [("q", 0), ("r", 1)])
    lines = format_table(heldout_table(dump(1, [("q", 1), ("r", 1)]))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split("  ")[0] == "data source"
    assert lines[2].split() == ["all", "2", "50.0", "%", "100.0", "%", "+50.0", "−585.3", "to", "+685.3"]
    assert format_table([]) == ""
