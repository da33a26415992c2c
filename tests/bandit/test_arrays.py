"""Tensors that export DLPack are read and written where they lie; what would need a copy is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from sparft_verl import bandit

torch = pytest.importorskip("torch")

ARM = np.array([0, 2, 2], dtype=np.int32)
VALUE = np.array([1.0, 0.5, 0.25])


def test_a_torch_tensor_is_updated_in_place() -> None:
    total, weight = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    at = total.data_ptr()
    bandit.observe_sum(total, weight, torch.from_numpy(ARM), torch.from_numpy(VALUE))
    assert total.tolist() == [1.0, 0.0, 0.75] and weight.tolist() == [1.0, 0.0, 2.0]
    assert total.data_ptr() == at


def test_tensors_and_arrays_may_be_mixed_and_leave_the_same_bits() -> None:
    window, seen = torch.zeros((3, 2), dtype=torch.float64), np.zeros(3, dtype=np.int64)
    bandit.observe_window(window, seen, ARM, torch.from_numpy(VALUE))
    assert window.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.5, 0.25]] and seen.tolist() == [1, 0, 2]
    assert bandit.window_mean(window, torch.from_numpy(seen)).tolist()[2] == 0.375


def test_a_slice_of_a_tensor_is_written_where_it_begins() -> None:
    pool = torch.zeros(8, dtype=torch.float64)
    bandit.observe_sum(pool[2:5], torch.zeros(3, dtype=torch.float64), ARM, VALUE)
    assert pool.tolist() == [0.0, 0.0, 1.0, 0.0, 0.75, 0.0, 0.0, 0.0]


def test_a_tensor_that_shares_memory_with_an_array_is_found_out() -> None:
    total = np.zeros(3)
    with pytest.raises(ValueError, match="total and weight share memory"):
        bandit.observe_sum(total, torch.from_numpy(total), ARM, VALUE)


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "float32": (torch.zeros(3), TypeError, "total has dtype torch.float32, not float64; cast it to float64"),
    "integers": (torch.zeros(3, dtype=torch.int64), TypeError, "total has dtype torch.int64, not float64"),
    "a stride": (
        torch.zeros(6, dtype=torch.float64)[::2],
        ValueError,
        "total is not contiguous and aligned; give total",
    ),
    "two dimensions": (torch.zeros((3, 1), dtype=torch.float64), ValueError, r"total has shape \(3, 1\)"),
    "no dimension": (torch.tensor(0.0, dtype=torch.float64), ValueError, r"total has shape \(\)"),
    "a gradient": (
        torch.zeros(3, dtype=torch.float64, requires_grad=True),
        (TypeError, BufferError),
        "gradient|grad",
    ),
    "no storage": (torch.zeros(3, dtype=torch.float64, device="meta"), Exception, "."),
    "an object": (object(), TypeError, "total is a object; give a NumPy array of dtype float64, or a tensor"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_would_need_a_copy_is_refused(case: str) -> None:
    total, kind, message = BAD[case]
    weight = np.zeros(3)
    with pytest.raises(kind, match=message):
        bandit.observe_sum(total, weight, ARM, VALUE)
    assert weight.tolist() == [0.0, 0.0, 0.0]


def test_a_row_of_one_column_is_not_a_stride() -> None:
    window = torch.zeros((3, 4), dtype=torch.float64)[:, :1].contiguous()
    bandit.observe_window(window, np.zeros(3, dtype=np.int64), ARM, VALUE)
    assert window.ravel().tolist() == [1.0, 0.0, 0.25]


class Exporter:
    """Exports a NumPy array through DLPack, as a library of version 1.0 or an older one would."""

    def __init__(self, array: np.ndarray, old: bool) -> None:
        self.array, self.old = array, old

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options: Any) -> Any:
        if self.old and options:
            raise TypeError(f"unexpected {options}")
        return self.array.__dlpack__(**options)


@pytest.mark.parametrize("old", [False, True])
def test_either_version_of_dlpack_is_read_and_its_memory_given_back(old: bool) -> None:
    total = np.zeros(3)
    before = sys.getrefcount(total)
    exporter = Exporter(total, old)
    for _ in range(50):
        bandit.observe_sum(exporter, np.zeros(3), ARM, VALUE)
        with pytest.raises(ValueError, match="weight has length 2"):
            bandit.observe_sum(exporter, np.zeros(2), ARM, VALUE)
    assert total.tolist() == [50.0, 0.0, 37.5]
    assert sys.getrefcount(total) == before + 1  # the exporter's own


def test_a_read_only_export_is_not_written() -> None:
    total = np.zeros(3)
    total.flags.writeable = False
    with pytest.raises((ValueError, BufferError), match=r"read-only|readonly"):
        bandit.observe_sum(Exporter(total, old=False), np.zeros(3), ARM, VALUE)
    assert total.tolist() == [0.0, 0.0, 0.0]
