"""The settings of cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparft_verl.prepare.errors import require

_FIX = "correct it on the command line"


@dataclass
class EvalSet:
    """One set of evaluation items that training rows must not repeat."""

    name: str = "???"
    """How the list of removed rows calls it."""
    path: str = "???"
    """A file, a folder or a hub name, as in data.files."""
    prompt: str = "prompt"
    """Column or dotted path of the question, best without instructions around it: chat messages or text."""
    revision: str | None = None
    """Commit or tag of a hub set."""
    subset: str | None = None
    """Configuration of a hub set."""
    split: str = "test"
    """Split of a hub set or a saved folder."""

    def __post_init__(self) -> None:
        given = all(value and value != "???" for value in (self.name, self.path, self.prompt))
        rule = "an entry of clean.evals needs name, path and prompt"
        require(given, rule, f"{self.name!r}, {self.path!r}, {self.prompt!r}", "give all three")


@dataclass
class CleanConfig:
    """Which rows are taken out before anything is learnt from them; every one is listed with its reason."""

    empty: bool = True
    """Take out prompts without text."""
    exact: bool = True
    """Take out all but the first of prompts whose text is equal up to spacing, case, quotes and dashes."""
    near: bool = False
    """Take out near duplicates (MinHash), and with clean.evals also near duplicates of evaluation items."""
    near_threshold: float = 0.6
    """Jaccard similarity of three-word runs from which two prompts are near duplicates."""
    near_max_rows: int = 30
    """Runs of words in more prompts than this are wording of a template; raise it for many variants of one."""
    same_numbers: bool = True
    """Near and semantic duplicates must hold the same numbers in the same order."""
    same_truth: bool = True
    """Near and semantic duplicates must have the same ground truth, where both have one."""
    semantic: bool = False
    """Take out duplicates by the cosine of their embeddings."""
    semantic_threshold: float = 0.95
    """Cosine from which prompts are semantic duplicates: 0.95 suits MiniLM; lexical vectors need 0.99."""
    evals: list[EvalSet] = field(default_factory=list)
    """Evaluation sets to keep out of training, for example [{name: math500, path: m.json, prompt: problem}]."""
    ngram: int = 13
    """Words in a row that make an overlap with an evaluation item."""
    ngram_share: float = 0.2
    """Share of an item's runs of words a prompt must hold to be taken out; 0 takes out at the first one."""
    ngram_max_rows: int = 10
    """Runs of words in more prompts or more items than this do not count, unless the whole item is there."""
    eval_neighbour: bool = False
    """Take out the neighbours of evaluation items by the cosine of their embeddings."""
    eval_threshold: float = 0.95
    """Cosine from which a prompt neighbours an evaluation item: 0.95 suits MiniLM; puzzles of one template 0.98."""
    tokenizer: str | None = None
    """Folder or hub name of the tokenizer that is to train, with a chat template; for max_tokens."""
    max_tokens: int | None = None
    """Take out prompts of more tokens, chat template included; give what verl has as data.max_prompt_length."""
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the chat template; give what verl has as data.apply_chat_template_kwargs."""

    def __post_init__(self) -> None:
        for name in ("near_threshold", "semantic_threshold", "eval_threshold"):
            value = getattr(self, name)
            require(0.0 < value < 1.0, f"clean.{name} must lie between 0 and 1", value, _FIX)
        # beyond, MinHash of 128 values has no bands to tell near from equal
        require(
            self.near_threshold <= 0.98, "clean.near_threshold is 0.98 at most", self.near_threshold, _FIX
        )
        require(
            0.0 <= self.ngram_share <= 1.0, "clean.ngram_share must lie in [0, 1]", self.ngram_share, _FIX
        )
        for name, least in (("near_max_rows", 2), ("ngram", 2), ("ngram_max_rows", 1)):
            value = getattr(self, name)
            require(value >= least, f"clean.{name} must be at least {least}", value, _FIX)
        limit_ok = self.max_tokens is None or self.max_tokens >= 1
        require(limit_ok, "clean.max_tokens must be null or at least 1", self.max_tokens, _FIX)
        both = (self.tokenizer is None) == (self.max_tokens is None)
        rule = "clean.tokenizer and clean.max_tokens are given together or not at all"
        require(both, rule, f"{self.tokenizer!r} and {self.max_tokens!r}", "give both, or neither")
        rule = "clean.near and clean.semantic need clean.exact"
        require(self.exact or not (self.near or self.semantic), rule, "exact=false", "leave clean.exact=true")
        rule = "clean.eval_neighbour needs evaluation sets"
        require(bool(self.evals) or not self.eval_neighbour, rule, "clean.evals=[]", "give clean.evals")
        names = [one.name for one in self.evals if isinstance(one, EvalSet)]
        rule = "the names of clean.evals must differ"
        require(len(set(names)) == len(names), rule, names, "rename one")
