"""Batches by token budget after sorting by length, and what happens when a batch does not fit into memory."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import UserError
from unicorn_assets.representation.encoders.protocol import Progress

IMAGE_BATCH = 32
MIN_FILL = 0.75  # of a batch's longest row; shorter rows start a new batch instead of being padded that far


def by_budget(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Row numbers in batches of rows of similar length: rows x longest row of a batch is at most `budget` tokens.

    No row is padded by more than a third of its length, so few rows do not pay for one long one among them. Longest
    first, so that a batch too large for memory shows at once. A row longer than the budget goes alone.
    """
    batch: list[int] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if batch and ((len(batch) + 1) * longest > budget or lengths[row] < MIN_FILL * longest):
            yield batch
            batch = []
        if not batch:
            longest = lengths[row]
        batch.append(row)
    if batch:
        yield batch


def encode_batches(
    batches: Iterator[list[int]],
    encode: Callable[[list[int]], NDArray[np.float32]],
    vectors: NDArray[np.float32],
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Fill `vectors` batch by batch; a batch that runs out of memory is halved, down to one row."""
    for batch in batches:
        _encode_or_halve(batch, encode, vectors)
        if on_progress:
            on_progress(len(batch))
    return vectors


def _encode_or_halve(
    batch: list[int], encode: Callable[[list[int]], NDArray[np.float32]], vectors: NDArray[np.float32]
) -> None:
    import torch

    try:
        vectors[batch] = encode(batch)
        return
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise UserError(
                f"row {batch[0]} alone does not fit into the GPU's memory: {error}",
                "use a smaller model, encoder.precision fp16, or encoder.device cpu",
            ) from None
    torch.cuda.empty_cache()
    middle = len(batch) // 2
    _encode_or_halve(batch[:middle], encode, vectors)
    _encode_or_halve(batch[middle:], encode, vectors)
