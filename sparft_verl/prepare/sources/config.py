"""Which data stage A reads, and how the columns of a foreign schema map to verl's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sparft_verl.prepare.errors import PrepareError, require

HUB = "hf:"
TRUTH = "reward_model.ground_truth"
_HUB_NAME = re.compile(r"hf:(?P<name>[^@#]+?)(@(?P<revision>[^#:]+))?(#(?P<subset>[^:]+))?(:(?P<split>.+))?")


@dataclass
class DataFile:
    """One input of any schema, turned into verl's format: prompt, data_source, reward_model, extra_info."""

    path: str = "???"
    """Parquet or JSON (lines or array, also .gz), a folder, a pattern such as data/*.parquet, or hf:NAME."""
    prompt: str | None = None
    """Column (or dotted path) with the question as text, or with chat messages; null takes data.prompt_key."""
    template: str = "{prompt}"
    """What the user message says; {prompt} is replaced by the text, all other braces stay as they are."""
    system: str | None = None
    """A system message to put before a text prompt."""
    truth: Any = TRUTH
    """Column of the ground truth, kept as text; several columns make one JSON object; null for none."""
    truth_pattern: str = ""
    """Regular expression whose group 1 is the ground truth, e.g. '#### (.*)'; quote it, YAML cuts at #."""
    truth_drop: str = ""
    """Characters taken out of the ground truth, e.g. ',' for GSM8K, whose scorer compares without commas."""
    style: str = "rule"
    """reward_model.style of the rows, when truth names other columns than verl's own."""
    source: str | None = None
    """data_source of every row: the name by which the reward function is chosen; null takes the column."""
    ability: str | None = None
    """verl's column of that name for every row; null takes the column, if there is one."""
    extra: Any = None
    """Columns carried into extra_info: a list, or {new name: column}."""
    constants: dict[str, Any] = field(default_factory=dict)
    """Values written into extra_info of every row, e.g. {difficulty: 3}."""
    keep: list[str] = field(default_factory=list)
    """Columns carried over as they are, beside the prompt (images, agent_name)."""
    literals: list[str] = field(default_factory=list)
    """Columns with Python literals as text: parsed, never run, and carried as JSON text."""
    revision: str | None = None
    """Commit or tag of a hub data set, to pin it; the manifest names the commit in any case."""
    subset: str | None = None
    """Configuration of a hub data set (main, algebra)."""
    split: str = "train"
    """Split of a hub or saved data set; also extra_info.split of rows that name none."""

    def __post_init__(self) -> None:
        fix = "correct it in data.files"
        given = bool(self.path) and self.path != "???"
        require(given, "data.files[].path must name a file, a folder or hf:NAME", repr(self.path), fix)
        if self.path.startswith(HUB):
            self._take_hub_name()
        require(
            "{prompt}" in self.template,
            f"data.files[].template of {self.path!r} must hold {{prompt}}, where the text goes",
            repr(self.template),
            "write e.g. '{prompt} Think step by step.'; other braces are kept as they are",
        )
        self._check_pattern()
        for name in ("keep", "literals"):
            value = getattr(self, name)
            ok = all(isinstance(c, str) and c for c in value)
            require(ok, f"data.files[].{name} of {self.path!r} must be a list of columns", repr(value), fix)
        used = {*self.carried().values(), *self.truth_columns()}
        idle = [column for column in self.literals if column not in used]
        rule = f"data.files[].literals of {self.path!r} must be columns of truth or extra"
        require(not idle, rule, idle, "name them in one of the two, or take them out")
        require(
            self.truth is None or bool(self.truth_columns()),
            f"data.files[].truth of {self.path!r} must name columns",
            repr(self.truth),
            "name one, or write truth: null for rewards without a ground truth",
        )

    def _take_hub_name(self) -> None:
        found = _HUB_NAME.fullmatch(self.path)
        if found is None:
            raise PrepareError(
                f"a hub data set is named hf:NAME[@REVISION][#SUBSET][:SPLIT], but found {self.path!r}; "
                "correct it"
            )
        self.path = HUB + found["name"]
        self.revision = found["revision"] or self.revision
        self.subset = found["subset"] or self.subset
        self.split = found["split"] or self.split

    def _check_pattern(self) -> None:
        where = f"data.files[].truth_pattern of {self.path!r}"
        fix = "write e.g. '#### (.*)'"
        try:
            groups = re.compile(self.truth_pattern).groups
        except re.error as e:
            raise PrepareError(
                f"{where} must be a regular expression, but found {self.truth_pattern!r} ({e}); {fix}"
            ) from e
        ok = not self.truth_pattern or groups == 1
        require(ok, f"{where} must have one group in parentheses", repr(self.truth_pattern), fix)

    def truth_columns(self) -> list[str]:
        """Return the columns of the ground truth, none for `truth: null`."""
        given = [] if self.truth is None else [self.truth] if isinstance(self.truth, str) else self.truth
        ok = isinstance(given, Sequence) and all(isinstance(c, str) and c for c in given)
        require(ok, f"data.files[].truth of {self.path!r} must name columns", repr(self.truth), "name them")
        return list(given)

    def carried(self) -> dict[str, str]:
        """Return {name in extra_info: column}."""
        if isinstance(self.extra, dict):
            pairs = list(self.extra.items())
        else:
            pairs = [(c.rsplit(".", 1)[-1] if isinstance(c, str) else c, c) for c in self.extra or []]
        ok = all(isinstance(name, str) and isinstance(c, str) and name and c for name, c in pairs)
        fix = "write extra: [level, type] or extra: {difficulty: level}"
        require(ok, f"data.files[].extra of {self.path!r} must name columns", repr(self.extra), fix)
        names = [name for name, _ in pairs] + list(self.constants)
        twice = sorted({name for name in names if names.count(name) > 1})
        require(
            not twice,
            f"data.files[].extra and constants of {self.path!r} must give each name once",
            f"{twice} twice",
            "rename one: extra: {other_name: column}",
        )
        return dict(pairs)

    @property
    def is_verl(self) -> bool:
        """True when nothing is mapped: the rows are in verl's format and are taken as they are."""
        as_given = {"path", "revision", "subset", "split"}
        names = {entry.name for entry in fields(self)} - as_given
        unmapped = DataFile(path="unmapped")
        return all(getattr(self, name) == getattr(unmapped, name) for name in names)


@dataclass
class DataConfig:
    """Which rows stage A reads: train_files first, then files, each in its own order."""

    train_files: Any = None
    """verl's own setting: a file or a list of them in verl's format; folders, patterns and hf:NAME too."""
    files: list[DataFile] = field(default_factory=list)
    """Inputs of other schemas: a list of {path: …, prompt: question, truth: answer, source: openai/gsm8k}."""
    prompt_key: str = "prompt"
    """Column that holds the chat messages, as verl's data.prompt_key."""

    def __post_init__(self) -> None:
        require(bool(self.prompt_key), "data.prompt_key must name a column", repr(self.prompt_key), "set it")

    def inputs(self) -> list[DataFile]:
        """Return every input; PrepareError when there is none or one is no path."""
        single = isinstance(self.train_files, str)
        given = [self.train_files] if single else list(self.train_files or [])
        ok = all(isinstance(f, str) and f and f != "???" for f in given) and bool(given or self.files)
        require(
            ok,
            "data.train_files must name a file or a list of them, unless data.files does",
            repr(self.train_files),
            "give data.train_files=train.parquet or data.train_files=[a.parquet,b.parquet]",
        )
        return [DataFile(path=name) for name in given] + list(self.files)
