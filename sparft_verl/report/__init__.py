"""What a curriculum did in a run: one HTML page and two tables, read from the files that the run left behind.

journal.jsonl (sparft_verl.journal), verl's validation dumps and verl's file log go in; nothing is imported from
the rooms that wrote them but the journal's reader.
"""

from sparft_verl.report.errors import ReportError
from sparft_verl.report.heldout import HeldoutRow
from sparft_verl.report.main import main
from sparft_verl.report.stats import Gain, paired_gain
from sparft_verl.report.tables import ArmRow, arm_table, format_table, heldout_table

__all__ = [
    "ArmRow",
    "Gain",
    "HeldoutRow",
    "ReportError",
    "arm_table",
    "format_table",
    "heldout_table",
    "main",
    "paired_gain",
]
