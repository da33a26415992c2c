"""A class of the user's own, and the hooks that a method may offer."""

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, build

OWN = """
import numpy as np
from sparft_verl.curricula.choosers.turn import InTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.order import PassOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.statistics import solve_rate


class Backwards(ComposedCurriculum):
    def __init__(self, config, arms):
        self.skip = config.params.options["skip"]

        def parts(scopes):
            order = PassOrder(whole(scopes, np.arange(len(arms.rows))[:: -self.skip]))
            return Parts(solve_rate, NoEstimator(), InTurn(order, arms.arm, len(arms.names)), lambda step: None, order)

        super().__init__(config, arms, parts)

    def predict(self, rows, features):
        return np.full(len(rows), 0.5)


thing = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_curricula.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "my_curricula"


def test_a_class_of_the_users_own_is_called_with_configuration_and_arms(module, arms_of, group_of):
    arms = arms_of([6])
    config = CurriculumConfig.of(
        method="custom", class_path=f"{module}.Backwards", options={"skip": 2}, seed=3
    )
    curriculum = build(config, arms)
    assert curriculum.propose(3).rows.tolist() == arms.rows[::-2].tolist()
    again = build(config, arms)
    again.load_state_dict(curriculum.state_dict())
    assert again.propose(2).rows.tolist() == curriculum.propose(2).rows.tolist()
    assert curriculum.offers("predict") and not curriculum.offers("fit")
    with pytest.raises(ValueError, match=r"curriculum.options was .* is .* now"):
        other = CurriculumConfig.of({**config.as_dict(), "options": {"skip": 1}})
        build(other, arms).load_state_dict(curriculum.state_dict())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "cannot be imported"),
        ("Backwards", "cannot be imported"),
        ("no.such.module.Class", "cannot be imported .*PYTHONPATH"),
        ("my_curricula.Missing", "cannot be imported"),
        ("my_curricula.thing", "is no subclass of sparft_verl.curricula.Curriculum"),
        ("my_curricula.np.ndarray", "cannot be imported"),
    ],
)
def test_what_is_no_curriculum_is_refused(module, path, message, arms_of):
    with pytest.raises(ValueError, match=message):
        build(CurriculumConfig.of(method="custom", class_path=path), arms_of([3]))


def test_a_hook_that_is_not_offered_says_so(arms_of):
    curriculum = build(CurriculumConfig.of(method="uniform"), arms_of([3]))
    rows, values = np.array([100]), np.zeros(1)
    for name, arguments in (
        ("fit", (rows, np.zeros((1, 2)), values)),
        ("predict", (rows, np.zeros((1, 2)))),
        ("probe", (1,)),
        ("propagate", (rows, values)),
        ("reward_weights", (1,)),
    ):
        assert not curriculum.offers(name)
        with pytest.raises(NotImplementedError, match="uniform"):
            getattr(curriculum, name)(*arguments)


def test_a_curriculum_is_told_the_lag_of_its_groups(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(method="uniform"), arms_of([8]))
    a = curriculum.propose(3)
    for step in (1, 2, 3):
        curriculum.tick(step)
    first, second, third = a.rows.tolist()
    curriculum.observe([group_of(a.id, first, 0.5)])  # proposed at 0, arrives at 3
    assert curriculum.metrics()["sparft/lag"] == 3.0
    curriculum.observe(
        [group_of(a.id, second, 0.5, policy_step=2), group_of(a.id, third, 0.5, policy_step=9)]
    )
    assert curriculum.metrics()["sparft/lag"] == pytest.approx((3 + 1 + 0) / 3)
