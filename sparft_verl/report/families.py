"""Which data source a validation item belongs to, by the text of its prompt.

verl's dump holds the decoded prompt, chat template included, but not the data source. The held-out parquet
holds both, so an item is looked up by the last user message that its prompt contains.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sparft_verl.report.errors import ReportError

MOST_UNMATCHED = 0.05
"""Largest share of items that may stay without a source."""


class Families:
    """Data source of every prompt text of a held-out set."""

    def __init__(self, source_of: Mapping[str, str], origin: str = "the held-out set") -> None:
        named = [(_plain(text), source) for text, source in source_of.items()]
        self._source_of = {text: source for text, source in named if text}
        self._origin = origin

    def locate(self, items: Sequence[str]) -> dict[str, str]:
        """Return the data source of each item that contains one of the texts; the longest such text decides.

        A prompt is a text between two ends of a template, and there are few templates: each is found once by
        search and then taken off by comparison, so that the work grows with the number of items alone.

        Raises ReportError when more than MOST_UNMATCHED of the items contain none of the texts.
        """
        by_length = sorted(self._source_of, key=lambda text: (-len(text), text))
        ends: list[tuple[str, str]] = []
        found: dict[str, str] = {}
        missing: list[str] = []
        allowed = MOST_UNMATCHED * len(items)
        for item in items:
            plain = _plain(item)
            text = self._between(plain, ends)
            if text is None:
                text = next((candidate for candidate in by_length if candidate in plain), None)
                if text is not None:
                    head, _, tail = plain.rpartition(text)
                    ends.append((head, tail))
            if text is None:
                missing.append(item)
                if len(missing) > allowed:
                    raise ReportError(
                        f"{len(missing)} of the first {len(missing) + len(found)} validation items (of {len(items)}) "
                        f"contain no user message of {self._origin} ({len(self._source_of)} texts); at most "
                        f"{MOST_UNMATCHED:.0%} may. Give --heldout the file that was data.val_files. The first item "
                        f"without one begins with {missing[0][:120]!r}."
                    )
            else:
                found[item] = self._source_of[text]
        return found

    def _between(self, plain: str, ends: Iterable[tuple[str, str]]) -> str | None:
        hits = [
            plain[len(head) : len(plain) - len(tail)]
            for head, tail in ends
            if plain.startswith(head) and plain.endswith(tail)
        ]
        return max((hit for hit in hits if hit in self._source_of), key=len, default=None)


def read_families(path: Path) -> Families:
    """Return the data source of every prompt in a verl-format parquet; one text under two sources joins both names."""
    if not path.is_file():
        raise ReportError(
            f"There is no held-out file {path}; give --heldout the parquet that was data.val_files."
        )
    columns = pq.read_schema(path).names
    if "prompt" not in columns or "data_source" not in columns:
        raise ReportError(
            f"{path} has the columns {', '.join(columns)}; the held-out file needs prompt and data_source, as every "
            "parquet that verl trains on has. Give --heldout the file that was data.val_files."
        )
    table = pq.read_table(path, columns=["prompt", "data_source"])
    sources: dict[str, set[str]] = {}
    for prompt, source in zip(table["prompt"].to_pylist(), table["data_source"].to_pylist(), strict=True):
        sources.setdefault(_last_user_message(prompt), set()).add(str(source))
    return Families({text: " + ".join(sorted(names)) for text, names in sources.items()}, str(path))


def _last_user_message(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    users = [message["content"] for message in prompt if message.get("role") == "user"]
    content = users[-1] if users else ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part.get("text"))


def _plain(text: str) -> str:
    # tokenizers may lose or add white space between encoding and decoding
    return " ".join(text.split())
