"""verl's keys of trajectories."""

import numpy as np
import pytest

pytest.importorskip("verl", reason="needs verl")
from sparft_verl.verl_plugin.keys import first_of, parsed, uid_of


def one_by_one(keys: list[str]) -> list[list[int]]:
    parts = [key.rsplit("_", 2) for key in keys]
    order = sorted({uid for uid, _, _ in parts})
    return [
        [order.index(uid) for uid, _, _ in parts],
        [int(session) for _, session, _ in parts],
        [int(output) for _, _, output in parts],
    ]


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["u_0_0"],
        ["b_1_0", "a_0_12", "b_0_3", "c_10_0"],
        ["b_a_1_0", "b_0_0", "b_a_0_7", "_0_1", "a__1_1"],  # a uid may hold what separates
        ["b_a_x_1_0", "__0_0", "b_2_0", "b_3_0"],
        ["b0_1_0", "a1_0_9", "b0_0_3", "c2_9_0"],  # all equally long
        ["b_0_1_0", "a_1_0_9", "__0_0_3"],
        ["bb_1_0", "a_10_0", "a_0_10"],
    ],
)
def test_keys_are_read_from_the_right_whatever_the_uid_holds(keys: list[str]) -> None:
    assert [column.tolist() for column in parsed(keys)] == one_by_one(keys)
    assert [uid_of(key) for key in keys] == [key.rsplit("_", 2)[0] for key in keys]


def test_a_key_that_is_none_stops() -> None:
    for keys in (["u_0_x"], ["u_0_0", "v"], ["u_0_0_0_0", "v"], ["u_0_0", "vv0_0"]):
        with pytest.raises((ValueError, IndexError)):
            parsed(keys)


def test_the_first_place_of_each_number_is_found() -> None:
    number = np.random.default_rng(0).integers(0, 40, 500)
    assert first_of(number).tolist() == np.unique(number, return_index=True)[1].tolist()
    assert first_of(np.zeros(0, dtype=np.int64)).tolist() == []
