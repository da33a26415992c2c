"""What became of a checkpoint's own step, from the journal.

These trainers write their checkpoint before they hand out the step's feedback. The state in it has served the step
and not seen its outcome; the journal has, if the run lived to the end of that step. Nothing later is replayed: it
speaks of a policy that no longer exists.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparft_verl.curricula import Curriculum
from sparft_verl.curricula.packing import pack, unpack
from sparft_verl.curricula.state import part
from sparft_verl.journal import Record, read
from sparft_verl.telling import tell


def advance(curriculum: Curriculum, state: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a sampler's `state` moved to the end of its step, as far as the journal at `path` knows it.

    `curriculum` is left in that state. The journal's end in it moves along, so that what was replayed stays part
    of the run's history.
    """
    loaded = unpack(state)
    curriculum.load_state_dict(part(loaded, "curriculum"))
    last = int(loaded["journal_seq"])
    for record in _rest_of_step(path, last):
        if record.event != "resume":
            tell(curriculum, record)
        last = record.seq
    return pack({**loaded, "curriculum": curriculum.state_dict(), "journal_seq": last})


def _rest_of_step(path: Path, seq: int) -> Iterator[Record]:
    """Yield what was written after record `seq` in the same history, up to the end of that step."""
    if not path.exists():
        return
    records = read(path).records
    after = next((index for index, record in enumerate(records) if record.seq == seq), len(records)) + 1
    for record in records[after:]:
        if record.event == "resume":
            if record["rolled_back_after"] != seq:
                return  # another history begins here
        elif record.event not in ("observe", "cancel", "tick"):
            return
        yield record
        seq = record.seq
        if record.event == "tick":
            return
