"""A path, a folder, a pattern or a hub name becomes the inputs to open, in a fixed order."""

from __future__ import annotations

import glob
from pathlib import Path

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.sources.config import HUB, DataFile
from sparft_verl.prepare.sources.opened import Hub, Json, Opened, Parquet

_SAVED = ("state.json", "dataset_dict.json")
_PARQUET = (".parquet", ".pq")
_JSON = (".json", ".jsonl", ".ndjson")
_PACKED = (".gz", ".bz2", ".zst", ".lz4")


def open_inputs(spec: DataFile) -> list[Opened]:
    """Return the inputs of one entry: files of a folder or pattern by name. PrepareError when there is none."""
    if spec.path.startswith(HUB):
        return [Hub(spec, saved=False)]
    path = Path(spec.path).expanduser()
    if path.is_dir():
        if any((path / name).is_file() for name in _SAVED):
            return [Hub(spec, saved=True)]
        found = [entry for entry in sorted(path.rglob("*")) if _ending(entry) and _visible(entry, path)]
        ends = " ".join([*_PARQUET, *_JSON])
        fix = "name the files themselves, or another folder"
        require(bool(found), f"a data folder must hold files ending in {ends}", f"none in {spec.path!r}", fix)
        return [_open(entry) for entry in found]
    if not path.exists() and glob.has_magic(spec.path):
        matching = [
            Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()
        ]
        require(bool(matching), "a pattern must match a file", f"none for {spec.path!r}", "check the path")
        return [_open(entry) for entry in matching]
    fix = "check the path; a data set of the hub is written hf:NAME"
    require(path.is_file(), "data.train_files must exist", f"no file {spec.path!r}", fix)
    return [_open(path)]


def _ending(path: Path) -> str:
    """Return parquet, json or nothing, by the file's name."""
    suffixes = [s for s in path.suffixes if s not in _PACKED]
    last = suffixes[-1] if suffixes else ""
    kind = "parquet" if last in _PARQUET else "json" if last in _JSON else ""
    return kind if path.is_file() else ""


def _visible(path: Path, folder: Path) -> bool:
    """Return False for what a writer left half done or keeps for itself (.part, _SUCCESS)."""
    return not any(part[0] in "._" for part in path.relative_to(folder).parts)


def _open(path: Path) -> Opened:
    kind = _ending(path)
    if not kind:
        # Names may lie or say nothing; the first bytes do not.
        with open(path, "rb") as file:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        kind = "parquet" if head[:4] == b"PAR1" else "json" if head[:1] in (b"[", b"{") else ""
        fix = "convert it, e.g. with pandas: read_csv(...).to_parquet(...)"
        require(
            bool(kind), "a data file must be parquet or JSON", f"{str(path)!r} beginning {head[:20]!r}", fix
        )
    return Parquet(path) if kind == "parquet" else Json(path)
