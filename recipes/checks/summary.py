"""The table with which the check ends."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """One folder."""

    composed: int = 0
    refused: int = 0
    ran: str = "-"
    seconds: dict[str, float] = field(default_factory=dict)
    """`wait` for data and artefact, which are made while the folder before it trains; `train`; and `cpu`, of that."""


class Summary:
    """What each folder came to."""

    def __init__(self, folders: list[str]) -> None:
        self.rows = {folder: Row() for folder in folders}

    def __str__(self) -> str:
        head = ["folder", "command lines", "two steps", "waited s", "trained s", "CPU s"]
        table = [head]
        for folder, row in self.rows.items():
            lines = f"{row.composed}" + (f", {row.refused} refused" if row.refused else "")
            seconds = [
                f"{row.seconds[part]:.1f}" if part in row.seconds else "" for part in ("wait", "train", "cpu")
            ]
            table.append([folder, lines, row.ran, *seconds])
        table.append(["all", str(sum(row.composed for row in self.rows.values())), *[""] * 4])
        widths = [max(len(line[column]) for line in table) for column in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        )
