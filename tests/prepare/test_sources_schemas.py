"""Files of other schemas, mapped to verl's format by a few words each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.identity import row_hash
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, DataFile, Prompts, read
from sparft_verl.prepare.settings import from_dotlist

Rows = list[dict[str, Any]]
Save = Callable[..., str]

QUESTIONS = [
    {"question": "How many eggs?", "answer": "12 dozen <<12*100=1200>>.\n#### 1,200", "level": 1},
    {"question": "How many hens?", "answer": "Three.\n#### 3", "level": 2.5},
]
ISLANDS = [
    {
        "quiz": "You meet Ann and Bob. Ann says Bob lies.",
        "solution_text": "Ann is a knight, Bob is a knave.",
        "statements": "(('lying', 1), ('and', ('telling-truth', 0), ('lying', 0)))",
        "meta": {"people": 2},
    }
]
FIVE_SCHEMAS = """
data:
  train_files: {folder}/verl.parquet
  files:
    - path: {folder}/words.jsonl            # question, worked answer ending in '#### n'
      prompt: question
      template: "{{prompt}} Let's think step by step, and write the answer after ####."
      truth: answer
      truth_pattern: '#### (.*)'
      truth_drop: ","
      source: openai/gsm8k
      ability: math
      extra: {{difficulty: level}}
    - path: {folder}/problems.json          # an array of problems with a level
      prompt: problem
      system: Put the final answer within \\boxed{{}}.
      truth: answer
      source: math
      extra: [difficulty, type]
    - path: {folder}/islands.jsonl          # statements are Python literals as text
      prompt: quiz
      truth: [solution_text, statements]
      literals: [statements]
      source: kk_2
      extra: {{difficulty: meta.people}}
    - path: {folder}/kk.parquet             # verl's format beside other columns
      extra: {{difficulty: extra_info.depth}}
"""


def lines(path: Path, rows: Rows) -> DataFile:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DataFile(path=str(path))


def load(*files: DataFile, cache: Cache | None = None) -> Prompts:
    return read(DataConfig(files=list(files)), cache or Cache(None))


def everything(prompts: Prompts) -> Rows:
    return list(prompts.take(np.arange(len(prompts))).to_pylist())


def gsm8k(tmp_path: Path, **more: Any) -> DataFile:
    path = lines(tmp_path / "words.jsonl", QUESTIONS).path
    given = {"prompt": "question", "truth": "answer", "source": "openai/gsm8k", **more}
    return DataFile(path=path, **given)


def test_five_schemas_become_one_data_set(rows: Rows, save: Save, tmp_path: Path) -> None:
    save(rows[:3], "verl.parquet")
    save(
        [{**row, "quiz": "q", "extra_info": {"depth": 4, "split": "test"}} for row in rows[20:22]],
        "kk.parquet",
    )
    lines(tmp_path / "words.jsonl", QUESTIONS)
    lines(tmp_path / "islands.jsonl", ISLANDS)
    problem = {"problem": "Find $x$.", "answer": "\\frac{1}{2}", "difficulty": 5.0, "type": "Algebra"}
    (tmp_path / "problems.json").write_text(json.dumps([problem, {**problem, "answer": 7}]))
    (tmp_path / "run.yaml").write_text(FIVE_SCHEMAS.format(folder=tmp_path))

    prompts = read(from_dotlist([], str(tmp_path / "run.yaml")).data, Cache(None))

    assert (
        prompts.source
        == ["src_sums"] * 3 + ["openai/gsm8k"] * 2 + ["math"] * 2 + ["kk_2"] + ["src_knights"] * 2
    )
    assert [entry["rows"] for entry in prompts.inputs] == [3, 2, 2, 1, 2]
    made = everything(prompts)
    assert [row_hash(row) for row in made] == prompts.keys
    assert prompts.truth(np.array([3, 4, 5, 6])) == ["1200", "3", "\\frac{1}{2}", "7"]
    assert prompts.column("extra_info.difficulty", "x")[:9] == [0, 1, 2, 1, 2.5, 5, 5, 2, 4]
    assert prompts.messages(np.array([3, 5])) == [
        [
            {
                "role": "user",
                "content": "How many eggs? Let's think step by step, and write the answer after ####.",
            }
        ],
        [
            {"role": "system", "content": "Put the final answer within \\boxed{}."},
            {"role": "user", "content": "Find $x$."},
        ],
    ]
    assert prompts.text[5] == "Find $x$."
    assert json.loads(made[7]["reward_model"]["ground_truth"]) == {
        "solution_text": "Ann is a knight, Bob is a knave.",
        "statements": [["lying", 1], ["and", ["telling-truth", 0], ["lying", 0]]],
    }
    assert made[3]["extra_info"]["index"] == 0 and made[4]["extra_info"]["index"] == 1
    assert made[3]["extra_info"]["split"] == "train" and made[8]["extra_info"]["split"] == "test"
    assert made[3]["ability"] == "math" and made[5]["ability"] is None
    assert made[8]["reward_model"] == rows[20]["reward_model"]


def test_parquet_of_another_schema_is_mapped_as_json_is(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(QUESTIONS), tmp_path / "words.parquet")
    spec = gsm8k(tmp_path, extra=["level"])
    other = gsm8k(tmp_path, extra=["level"])
    other.path = str(tmp_path / "words.parquet")
    assert everything(load(spec)) == everything(load(other))


def test_braces_of_a_template_stay_unless_they_name_the_prompt(tmp_path: Path) -> None:
    spec = gsm8k(tmp_path, template="{prompt} {} {x} \\boxed{}")
    assert load(spec).text[1] == "How many hens? {} {x} \\boxed{}"
    with pytest.raises(
        PrepareError, match=r"must hold \{prompt\}, where the text goes, but found '\{\} Think'"
    ):
        DataFile(path="a.json", template="{} Think")


def test_a_ground_truth_that_is_no_text_becomes_json(tmp_path: Path) -> None:
    values: list[Any] = [True, 3, 0.5, [1, "a"], {"b": None}, None, " as it is "]
    spec = lines(tmp_path / "a.jsonl", [{"q": "x", "a": value} for value in values])
    prompts = load(DataFile(path=spec.path, prompt="q", truth="a", source="s"))
    wanted = ["true", "3", "0.5", '[1, "a"]', '{"b": null}', None, " as it is "]
    assert prompts.truth(np.arange(len(values))) == wanted


def test_a_reward_without_ground_truth_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(
        PrepareError, match=r"'reward_model.ground_truth', which .* or write truth: null for none"
    ):
        load(DataFile(path=gsm8k(tmp_path).path, prompt="question", source="s"))
    prompts = load(DataFile(path=gsm8k(tmp_path).path, prompt="question", source="s", truth=None))
    assert prompts.truth(np.array([0])) == [None]


def test_a_ground_truth_that_the_pattern_misses_is_named(tmp_path: Path) -> None:
    spec = gsm8k(tmp_path, truth_pattern="<<.*=(.*)>>")
    with pytest.raises(PrepareError, match=r"must match every ground truth, but found 'Three.*in row 1 of"):
        load(spec)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"prompt": "quesion"}, "names column 'quesion', which .* must have, but found .*'question'"),
        ({"extra": ["levle"]}, "names column 'levle', which"),
        ({"truth": "anwser"}, "truth names column 'anwser', which"),
        ({"source": None}, "names column 'data_source', which .*; set source"),
        ({"prompt": "level"}, "prompt column 'level' must hold text or chat messages, but found 1 in row 0"),
    ],
)
@pytest.mark.parametrize("parquet", [False, True])
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    tmp_path: Path, given: dict[str, Any], said: str, parquet: bool
) -> None:
    spec = gsm8k(tmp_path, **given)
    if parquet:
        spec.path = str(tmp_path / "words.parquet")
        pq.write_table(pa.Table.from_pylist(QUESTIONS), spec.path)
        said = said.replace("found 1 in", "found 1.0 in")
    with pytest.raises(PrepareError, match=said):
        load(spec)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"path": "???"}, "path must name a file"),
        ({"truth": 3}, "truth of 'a' must name columns, but found 3"),
        ({"truth": []}, "truth of 'a' must name columns"),
        ({"truth_pattern": "("}, r"must be a regular expression, but found '\('"),
        ({"truth_pattern": "a"}, "must have one group in parentheses, but found 'a'"),
        ({"extra": ["x", "y.x"]}, r"must give each name once, but found \['x'\] twice"),
        ({"extra": ["x"], "constants": {"x": 1}}, r"must give each name once, but found \['x'\] twice"),
        ({"extra": [3]}, r"extra of 'a' must name columns, but found \[3\]"),
        ({"literals": ["x"]}, r"must be columns of truth or extra, but found \['x'\]"),
        ({"keep": [""]}, "keep of 'a' must be a list of columns"),
        ({"path": "hf:"}, r"named hf:NAME\[@REVISION\]"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PrepareError, match=said):
        DataFile(**{"path": "a", **given})


def test_constants_extras_and_kept_columns_stand_beside_what_extra_info_holds(rows: Rows, save: Save) -> None:
    path = save([{**row, "agent_name": "tool", "other": 1} for row in rows[:2]])
    made = everything(load(DataFile(path=path, constants={"year": 2024}, keep=["agent_name"], source="new")))
    assert made[0]["extra_info"] == {**rows[0]["extra_info"], "split": "train", "year": 2024}
    assert made[0]["data_source"] == "new" and made[0]["agent_name"] == "tool" and "other" not in made[0]
    assert made[0]["prompt"] == rows[0]["prompt"]


def test_a_template_is_refused_for_chat_messages(rows: Rows, save: Save) -> None:
    with pytest.raises(PrepareError, match=r"template and system .* are for prompts of text"):
        load(DataFile(path=save(rows), template="{prompt} Think."))


def test_a_null_prompt_is_read_as_empty_and_said(tmp_path: Path) -> None:
    spec = lines(tmp_path / "a.jsonl", [{"q": None, "a": "1"}, {"q": "", "a": "1"}, {"q": "x", "a": "1"}])
    prompts = load(DataFile(path=spec.path, prompt="q", truth="a", source="s", template="{prompt} Think."))
    assert list(prompts.text) == ["", "", "x Think."]
    assert [note.split(": ", 1)[1] for note in prompts.notes[:2]] == [
        "1 prompts are null: read as empty text",
        "2 of 3 prompts hold no text",
    ]


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "[1, 2", "{1, 2}", "(" * 100_000 + ")" * 100_000, 3]
)
def test_a_literal_is_parsed_and_never_run(tmp_path: Path, text: Any) -> None:
    spec = lines(tmp_path / "a.jsonl", [{"q": "x", "s": text}])
    with pytest.raises(PrepareError, match=r"'s', which must hold a Python literal .* in row 0 of"):
        load(DataFile(path=spec.path, prompt="q", truth="s", literals=["s"], source="s"))


def test_literals_are_carried_as_json_text(tmp_path: Path) -> None:
    spec = lines(tmp_path / "a.jsonl", [{"q": "x", "s": "('a', (1, True), None)"}])
    made = load(DataFile(path=spec.path, prompt="q", truth="s", extra=["s"], literals=["s"], source="s"))
    assert made.truth(np.array([0])) == ['["a", [1, true], null]'] == made.column("extra_info.s", "x")


def test_data_prompt_key_names_the_column_that_is_written(rows: Rows, save: Save, tmp_path: Path) -> None:
    files = [gsm8k(tmp_path)]
    own = save([{("chat" if k == "prompt" else k): v for k, v in row.items()} for row in rows[:1]])
    prompts = read(DataConfig(own, files, prompt_key="chat"), Cache(None))
    assert "prompt" not in prompts.schema.names
    assert prompts.messages(np.array([1]))[0][0]["content"] == "How many eggs?"
    assert prompts.keys[0] == row_hash(rows[0])
