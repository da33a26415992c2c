"""Finished runs, one JSON file each: sittings add up, nothing is run twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sparft_verl.atomic import written_aside


class Store:
    """A folder of KEY.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the record of a run, None when it has not ended yet."""
        path = self.folder / f"{key}.json"
        return dict(json.loads(path.read_text())) if path.is_file() else None

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Write a record aside, sync, and put it in place: a kill leaves the old state or the new."""
        with written_aside(self.folder / f"{key}.json") as aside:
            aside.write_text(json.dumps(record, allow_nan=False))
