"""Texts as token ids: read once, in chunks, while the model works on those before.

Not here: how a tokenizer is asked (open_clip_tokens.py, llm2clip_prompt.py), batches (batches.py).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

CHUNK = 2048
"""Texts that are read and sorted by length together: some batches of a GPU, and a tenth of a second of it."""
_AHEAD = 2


@dataclass(frozen=True)
class Tokens:
    """Token ids of some texts: ids (n, width) int64, cut to the window and padded; used columns of each row; rows that
    were cut.
    """

    ids: Any
    used: list[int]
    truncated: list[int]


Read = Callable[[Sequence[str]], Tokens]


def read_ahead(texts: Sequence[str], read: Read) -> Iterator[tuple[int, Tokens]]:
    """(number of its first text, tokens) of each chunk in order; the next chunks are read meanwhile, in a thread."""
    starts = iter(range(0, len(texts), CHUNK))
    waiting: deque[tuple[int, Future[Tokens]]] = deque()
    with ThreadPoolExecutor(1, "tokens") as reader:

        def send() -> None:
            for start in starts:
                waiting.append((start, reader.submit(read, texts[start : start + CHUNK])))
                return

        try:
            for _ in range(1 + _AHEAD):
                send()
            while waiting:
                start, tokens = waiting.popleft()
                found = tokens.result()
                send()
                yield start, found
        finally:
            for _, tokens in waiting:
                tokens.cancel()
