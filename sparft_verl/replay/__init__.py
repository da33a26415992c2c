"""`sparft replay`: a journal told again, to the method that wrote it or to another one. No GPU, no model, no data set.

A value is of choices along the logged history: the policy was trained on what the logged curriculum chose, so that
it says what another curriculum would have picked at each step, not where a run under it would have gone.
"""

from sparft_verl.replay.command import main
from sparft_verl.replay.history import History, ReplayError, load
from sparft_verl.replay.other import Walk, walk
from sparft_verl.replay.retell import Retold, retell
from sparft_verl.replay.value import Sample, Value

__all__ = ["History", "ReplayError", "Retold", "Sample", "Value", "Walk", "load", "main", "retell", "walk"]
