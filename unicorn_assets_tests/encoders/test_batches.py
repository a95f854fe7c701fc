"""Batches: every row once, within the budget; a batch that does not fit into memory is halved."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.encoders.batches import Fetch, by_budget, embed, encode_batches
from unicorn_assets.encoders.tokens import CHUNK, Tokens
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

    def encode(rows: list[int]) -> Fetch:
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return lambda: np.array([[row] for row in rows], np.float32)

    done: list[int] = []
    batches = [[3, 1, 0, 4, 2], [5, 6, 7, 8, 9]]
    vectors = encode_batches(batches, encode, np.empty((10, 1), np.float32), done.append)
    assert vectors[:, 0].tolist() == list(range(10))
    assert tried == [5, 3, 2, 1, 2, 2, 2, 1]
    assert sum(done) == 10


@pytest.mark.parametrize("words", ["DefaultCPUAllocator: can't allocate memory: 9 bytes", "CUBLAS_STATUS_ALLOC_FAILED"])
def test_memory_that_runs_out_elsewhere_counts_as_well(words: str) -> None:
    def encode(rows: list[int]) -> Fetch:
        if len(rows) > 1:
            raise RuntimeError(words)
        return lambda: np.array([[row] for row in rows], np.float32)

    assert encode_batches([[0, 1, 2]], encode, np.empty((3, 1), np.float32)).ravel().tolist() == [0, 1, 2]


def test_other_faults_are_not_swallowed() -> None:
    def encode(rows: list[int]) -> Fetch:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        encode_batches([[0, 1]], encode, np.empty((2, 1), np.float32))


def test_a_single_row_too_large_is_named() -> None:
    import torch

    def encode(rows: list[int]) -> Fetch:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="row 7 alone"):
        encode_batches([[7]], encode, np.empty((8, 1), np.float32))


def test_the_next_batches_are_sent_before_one_is_fetched() -> None:
    events: list[str] = []

    def encode(rows: list[int]) -> Fetch:
        events.append(f"sent {rows[0]}")

        def fetch() -> np.ndarray:
            events.append(f"fetched {rows[0]}")
            return np.array([[row] for row in rows], np.float32)

        return fetch

    encode_batches([[0, 1], [2, 3], [4, 5], [6, 7]], encode, np.empty((8, 1), np.float32))
    assert events == ["sent 0", "sent 2", "sent 4", "fetched 0", "sent 6", "fetched 2", "fetched 4", "fetched 6"]


def test_a_row_that_finds_no_room_beside_the_batch_before_has_it_alone() -> None:
    import torch

    busy: set[int] = set()

    def encode(rows: list[int]) -> Fetch:
        if len(rows) + len(busy) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        busy.update(rows)

        def fetch() -> np.ndarray:
            busy.difference_update(rows)
            return np.array([[row] for row in rows], np.float32)

        return fetch

    vectors = encode_batches([[0, 1], [2, 3], [4]], encode, np.empty((5, 1), np.float32))
    assert vectors[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_texts_keep_their_order_over_chunks() -> None:
    texts = [str(number) for number in range(2 * CHUNK + 9)]

    def read(part: Sequence[str]) -> Tokens:
        numbers = np.array([[int(text)] for text in part])
        return Tokens(
            numbers, [1 + int(text) % 7 for text in part], [r for r, t in enumerate(part) if t.endswith("999")]
        )

    def send(tokens: Tokens, rows: list[int]) -> Fetch:
        return lambda: tokens.ids[rows].astype(np.float32)

    done: list[int] = []
    vectors, truncated = embed(texts, read, send, 1, 64, done.append)
    assert vectors[:, 0].tolist() == list(range(len(texts)))
    assert truncated == [999, 1999, 2999, 3999]
    assert sum(done) == len(texts)
    assert embed([], read, send, 3, 64).vectors.shape == (0, 3)
