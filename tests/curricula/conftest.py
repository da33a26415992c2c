"""Arms, learners and scripts shared by the tests of the curricula."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from sparft_verl.curricula import METHODS, Arms, Curriculum, CurriculumConfig, Feedback, Ticket, build
from sparft_verl.curricula.config import CHOICES


def make_arms(sizes: Sequence[int], first_row: int = 100) -> Arms:
    """Arms of these sizes; prompts of different arms alternate, rows are neither dense nor sorted."""
    arm = np.concatenate([np.full(size, k) for k, size in enumerate(sizes)]).astype(np.int32)
    shuffle = np.random.default_rng(len(arm)).permutation(len(arm))
    return Arms(
        rows=first_row + 3 * np.arange(len(arm)),
        arm=arm[shuffle],
        names=tuple(f"arm{k}" for k in range(len(sizes))),
        difficulty=np.full(len(arm), np.nan),
        source=("tasks",) * len(arm),
        fingerprint="0123",
    )


def group(ticket: int, row: int, rate: float, rollouts: int = 4, **more: object) -> Feedback:
    """A group in which round(rate * rollouts) rollouts succeed."""
    solved = round(rate * rollouts)
    return Feedback(ticket, row, np.array([1.0] * solved + [0.0] * (rollouts - solved)), **more)  # type: ignore[arg-type]


def answer(ticket: Ticket, slot: int, solve: Sequence[float], rollouts: int = 4) -> Feedback:
    """The same group whenever it is asked for: successes of a learner that solves arm k at rate solve[k]."""
    words = np.random.default_rng([ticket.id, slot]).random(rollouts)
    wins = (words < solve[ticket.arms[slot]]).astype(np.float64)
    return Feedback(ticket.id, int(ticket.rows[slot]), wins)


@dataclass
class Script:
    """An adversarial trainer: groups come late, out of order, twice, or are cancelled."""

    solve: Sequence[float]
    seed: int = 0
    waiting: list[Feedback] = field(default_factory=list)

    def step(self, curriculum: Curriculum, step: int, n: int) -> Ticket:
        """Propose, answer some of what waits, tick."""
        chance = np.random.default_rng([self.seed, step])
        ticket = curriculum.propose(n)
        self.waiting += [answer(ticket, slot, self.solve) for slot in range(n)]
        self.waiting = [self.waiting[i] for i in chance.permutation(len(self.waiting))]
        now = int(chance.integers(0, len(self.waiting) + 1))
        come, self.waiting = self.waiting[:now], self.waiting[now:]
        curriculum.observe(come + come[: now // 3])
        if self.waiting and chance.random() < 0.3:
            lost = self.waiting.pop()
            curriculum.cancel(lost.ticket, lost.row, "timed out")
        curriculum.tick(step)
        return ticket


def _variants() -> list[CurriculumConfig]:
    """Every registered method, with every choice it accepts."""
    probe = make_arms([2, 2])
    out = []
    for name in sorted(METHODS):
        for choice in CHOICES:
            config = CurriculumConfig(method=name, choice=choice)
            try:
                build(config, probe)
            except ValueError as error:
                assert "choice" in str(error)
                continue
            out.append(config)
    return out


@pytest.fixture(params=_variants(), ids=lambda config: f"{config.method}-{config.choice}", scope="module")
def config(request: pytest.FixtureRequest) -> CurriculumConfig:
    """Each registered method in turn."""
    return request.param


@pytest.fixture(scope="session")
def arms_of() -> Callable[..., Arms]:
    return make_arms


@pytest.fixture(scope="session")
def group_of() -> Callable[..., Feedback]:
    return group


@pytest.fixture(scope="session")
def answer_of() -> Callable[..., Feedback]:
    return answer


@pytest.fixture(scope="session")
def script() -> type[Script]:
    return Script
