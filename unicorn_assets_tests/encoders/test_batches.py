"""Batches: every row once, within the budget; a batch that does not fit into memory is halved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.encoders.batches import by_budget, encode_batches
from unicorn_assets.errors import UserError


@given(st.lists(st.integers(1, 80)), st.integers(64, 400))
def test_every_row_once_and_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(by_budget(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
        assert min(lengths[row] for row in batch) >= 0.75 * max(lengths[row] for row in batch)


def test_a_batch_too_large_for_memory_is_halved_and_later_ones_start_halved() -> None:
    import torch

    tried: list[int] = []

    def encode(rows: list[int]) -> np.ndarray:
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.array([[row] for row in rows], np.float32)

    done: list[int] = []
    batches = [[3, 1, 0, 4, 2], [5, 6, 7, 8, 9]]
    vectors = encode_batches(batches, encode, np.empty((10, 1), np.float32), done.append)
    assert vectors[:, 0].tolist() == list(range(10))
    assert tried == [5, 3, 2, 1, 2, 2, 2, 1]
    assert sum(done) == 10


@pytest.mark.parametrize("words", ["DefaultCPUAllocator: can't allocate memory: 9 bytes", "CUBLAS_STATUS_ALLOC_FAILED"])
def test_memory_that_runs_out_elsewhere_counts_as_well(words: str) -> None:
    def encode(rows: list[int]) -> np.ndarray:
        if len(rows) > 1:
            raise RuntimeError(words)
        return np.array([[row] for row in rows], np.float32)

    assert encode_batches([[0, 1, 2]], encode, np.empty((3, 1), np.float32)).ravel().tolist() == [0, 1, 2]


def test_other_faults_are_not_swallowed() -> None:
    def encode(rows: list[int]) -> np.ndarray:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        encode_batches([[0, 1]], encode, np.empty((2, 1), np.float32))


def test_a_single_row_too_large_is_named() -> None:
    import torch

    def encode(rows: list[int]) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="row 7 alone"):
        encode_batches([[7]], encode, np.empty((8, 1), np.float32))
