"""Arms, learners and scripts shared by the tests of the curricula."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from sparft_verl.curricula import METHODS, Arms, Curriculum, CurriculumConfig, Feedback, Ticket


def make_arms(sizes: Sequence[int], first_row: int = 100) -> Arms:
    """Arms of these sizes; prompts of different arms alternate, rows are neither dense nor sorted."""
    arm = np.concatenate([np.full(size, k) for k, size in enumerate(sizes)]).astype(np.int32)
    shuffle = np.random.default_rng(len(arm)).permutation(len(arm))
    return Arms(
        rows=first_row + 3 * np.arange(len(arm)),
        arm=arm[shuffle],
        names=tuple(f"arm{k}" for k in range(len(sizes))),
        # arm k lies in [k / K, (k + 1) / K]; every fourth difficulty is shared with another prompt, none is missing
        difficulty=(arm[shuffle] + (np.arange(len(arm)) // 2 * 2 % 8) / 8) / len(sizes),
        source=tuple(("maths", "logic", "code")[index % 3] for index in range(len(arm))),
        fingerprint="0123",
        # a weak and a strong reference; every fifth prompt, both solve equally often
        references=np.array([(i % 4 / 8, i % 4 / 8 + i % 5 / 8) for i in range(len(arm))]),
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


VARIANTS: dict[str, list[dict[str, object]]] = {
    "sparft": [
        {"choice": "batch"},
        {"floor": 0.02, "guard_rollouts": 8, "guard_every": 3, "discount": 0.9},
        {"choice": "batch", "floor": 0.02, "guard_rollouts": 8, "guard_every": 3},
        {"cap": 0.5, "cooldown": 1},
    ],
    "sparft_beta": [
        {"choice": "batch", "discount": 0.5},
        {"floor": 0.02, "guard_rollouts": 8, "guard_every": 3},
    ],
    "sparft_target": [
        {"posterior": "gaussian", "target": 0.3},
        {"choice": "batch", "utility": "mixed"},
        {"utility": "learnability", "floor": 0.02, "guard_rollouts": 8, "guard_every": 3},
    ],
    "auto": [
        {"retry": 0.0, "discount": 0.5, "floor": 0.02},
        {"power": 0.0, "by_size": 1.0, "cap": 0.5, "cooldown": 1},
    ],
    "uniform": [{"cooldown": 2}],
    "easy_to_hard": [{"reverse": True}],
    "weighted": [{"other": 2.0, "cooldown": 1}],
    "sec": [{"absent": "decay", "tau": 0.05, "floor": 0.02}, {"signal": "variance", "rate": 1.0, "cap": 0.5}],
    "dump": [{"unit": "prompts", "replacement": False, "window": 5, "cooldown": 1}],
    "e2h": [
        {"schedule": "classic", "total_steps": 6},
        {"schedule": "cosine", "total_steps": 40, "levels": "name"},
    ],
    "space": [{"cold_steps": 3, "window": 4, "drift": 0.1, "floor": 0.02}],
    "adarft": [{"eta": 0.2, "start": 0.4, "cooldown": 1}],
    "bots": [{"rho": 0.3, "rollouts": 4}, {"decay": 0.5, "target": 0.3, "cooldown": 1}],
    "mopps": [{"keep": 0.5, "pool_ratio": 2}, {"rule": "band", "pool_ratio": 0}],
    "mapp": [{"keep": 0.5, "group": 4}],
    "kimi": [{"most": 0.5}],
    "sfl": [{"uniform": 0.25, "keep": 0.5, "pool_ratio": 0}],
}
"""What is tested of a method beside its defaults; one that is not named here is tested with its defaults."""


def _variants() -> list[CurriculumConfig]:
    """Every registered method, with its defaults and with the settings of VARIANTS."""
    return [
        CurriculumConfig.of({"method": name, **settings})
        for name in sorted(METHODS)
        if name != "custom"
        for settings in [{}, *VARIANTS.get(name, [])]
    ]


def _name(config: CurriculumConfig) -> str:
    plain = CurriculumConfig.of(method=config.method).as_dict()
    changed = [f"{key}={value}" for key, value in config.as_dict().items() if plain[key] != value]
    return "-".join([config.method, *changed])


VARIANTS_OF_ALL = _variants()


@pytest.fixture(scope="session")
def every_config() -> list[CurriculumConfig]:
    """Every registered method, all at once."""
    return VARIANTS_OF_ALL


@pytest.fixture(params=VARIANTS_OF_ALL, ids=_name, scope="module")
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
