"""Batches by token budget after sorting by length, and what happens when a batch does not fit into memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.protocol import Progress
from unicorn_assets.errors import UserError

IMAGE_BATCH = 32
MIN_FILL = 0.75  # of a batch's longest row; shorter rows start a new batch instead of being padded that far

Encode = Callable[[list[int]], NDArray[np.float32]]


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
    batches: Iterable[list[int]],
    encode: Encode,
    vectors: NDArray[np.float32],
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Fill `vectors` batch by batch. A batch that runs out of memory is halved, down to one row, and so are all later
    ones: they hold about as many tokens. UserError names a row that does not fit alone.
    """
    parts = 1  # pieces that a batch is cut into
    for batch in batches:
        waiting = _cut(batch, parts)
        while waiting:
            piece = waiting.pop(0)
            found = _try(encode, piece)
            if found is None:
                parts *= 2
                waiting[:0] = _cut(piece, 2)
            else:
                vectors[piece] = found
                if on_progress:
                    on_progress(len(piece))
    return vectors


def _cut(batch: list[int], parts: int) -> list[list[int]]:
    size = -(-len(batch) // parts)
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _try(encode: Encode, piece: list[int]) -> NDArray[np.float32] | None:
    """The rows' vectors; None when memory did not suffice and the piece can be halved."""
    import torch

    try:
        return encode(piece)
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not _is_out_of_memory(error):
            raise
        if len(piece) == 1:
            raise UserError(
                f"row {piece[0]} alone does not fit into memory: {error}",
                "use a smaller model, encoder.precision fp16, or encoder.device cpu",
            ) from None
    # Only here, outside of the handler, are the tensors of the failed pass no longer referred to.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: RuntimeError) -> bool:
    """torch has a class for the GPU's allocator only; the CPU's and cuBLAS's say it in words."""
    import torch

    words = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
