"""Stage 2: what is taken out before anything is learnt from it, and why."""

from sparft_verl.prepare.clean.config import CleanConfig, EvalSet
from sparft_verl.prepare.clean.removals import REASONS, Removals
from sparft_verl.prepare.clean.text import clean_text
from sparft_verl.prepare.clean.vectors import clean_vectors

__all__ = ["REASONS", "CleanConfig", "EvalSet", "Removals", "clean_text", "clean_vectors"]
