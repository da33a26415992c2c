"""Which arm, which prompt, when: curricula as points in statistic x estimator x utility x chooser x order x limits.

NumPy state only; no torch and no verl. A method registers itself in `METHODS` when its module is imported.
"""

from sparft_verl.curricula import methods  # noqa: F401 - importing registers
from sparft_verl.curricula.base import Curriculum
from sparft_verl.curricula.command import main
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.registry import METHODS, Method, build
from sparft_verl.curricula.types import Arms, Feedback, Ticket

__all__ = [
    "METHODS",
    "Arms",
    "Curriculum",
    "CurriculumConfig",
    "Feedback",
    "Groups",
    "Method",
    "Ticket",
    "build",
    "main",
]
