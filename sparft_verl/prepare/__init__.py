"""Stage A: a data set in, a curriculum artefact out. No bandit, no training, no verl."""

from sparft_verl.prepare.command import main
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.pipeline import run
from sparft_verl.prepare.settings import from_dotlist

__all__ = ["PrepareConfig", "PrepareError", "from_dotlist", "main", "run"]
