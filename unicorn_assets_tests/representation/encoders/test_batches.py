"""Batches: every row once, within the budget; a batch that does not fit into memory is halved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.representation.encoders.batches import by_budget, encode_batches


@given(st.lists(st.integers(1, 80)), st.integers(64, 400))
def test_every_row_once_and_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(by_budget(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
        assert min(lengths[row] for row in batch) >= 0.75 * max(lengths[row] for row in batch)


def test_a_batch_too_large_for_memory_is_halved() -> None:
    import torch

    tried: list[int] = []

    def encode(rows: list[int]) -> np.ndarray:
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return np.array([[row] for row in rows], np.float32)

    done: list[int] = []
    vectors = encode_batches(iter([[3, 1, 0, 4, 2]]), encode, np.empty((5, 1), np.float32), done.append)
    assert vectors[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert tried == [5, 2, 3, 1, 2]
    assert done == [5]


def test_a_single_row_too_large_is_named() -> None:
    import torch

    def encode(rows: list[int]) -> np.ndarray:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="row 7 alone"):
        encode_batches(iter([[7]]), encode, np.empty((8, 1), np.float32), None)
