"""Batches by token budget after sorting by length, and what happens when a batch does not fit into memory.

The device is never waited for between two batches: the next ones are sent before its vectors are fetched.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.protocol import Progress, TextVectors
from unicorn_assets.encoders.tokens import Read, Tokens, read_ahead
from unicorn_assets.errors import UserError

IMAGE_BATCH = 32
UNDER_WAY = 2  # batches; one alone ends while this process waits for its turn beside the thread that reads texts
MIN_FILL = 0.75  # of a batch's longest row; shorter rows start a new batch instead of being padded that far

Fetch = Callable[[], NDArray[np.float32]]
"""Waits for vectors under way."""

Encode = Callable[[list[int]], Fetch]
"""Sends rows to the device."""


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


def embed(
    texts: Sequence[str],
    read: Read,
    send: Callable[[Tokens, list[int]], Fetch],
    dimension: int,
    budget: int,
    on_progress: Progress | None = None,
) -> TextVectors:
    """Vectors of texts in their order. Each text is read once, while the device has batches of texts before it; `send`
    gets the tokens of some texts and the rows of them that make a batch.
    """
    vectors = np.empty((len(texts), dimension), np.float32)
    truncated: list[int] = []
    chunk: list[tuple[int, Tokens]] = []  # the one that batches are made of

    def batches() -> Iterator[list[int]]:
        for start, tokens in read_ahead(texts, read):
            chunk[:] = [(start, tokens)]
            truncated.extend(start + row for row in tokens.truncated)
            for batch in by_budget(tokens.used, budget):
                yield [start + row for row in batch]

    def encode(rows: list[int]) -> Fetch:
        start, tokens = chunk[0]
        return send(tokens, [row - start for row in rows])

    return TextVectors(encode_batches(batches(), encode, vectors, on_progress), truncated)


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
    under_way: deque[tuple[list[int], Fetch]] = deque()

    def arrive(kept: int = 0) -> None:
        while len(under_way) > kept:
            rows, fetched = under_way.popleft()
            vectors[rows] = fetched()
            if on_progress:
                on_progress(len(rows))

    for batch in batches:
        waiting = _cut(batch, parts)
        while waiting:
            piece = waiting.pop(0)
            if len(piece) == 1:
                arrive()  # what is under way takes memory, and less than one row cannot be tried
            fetch = _try(encode, piece)
            if fetch is None:
                arrive()
                parts *= 2
                waiting[:0] = _cut(piece, 2)
            else:
                under_way.append((piece, fetch))
                arrive(UNDER_WAY)
    arrive()
    return vectors


def _cut(batch: list[int], parts: int) -> list[list[int]]:
    size = -(-len(batch) // parts)
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _try(encode: Encode, piece: list[int]) -> Fetch | None:
    """The rows under way; None when memory did not suffice and the piece can be halved."""
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
