"""From encoded images to what an encoder takes, in threads and in order; a bad image is set aside with its reason.

Memory is bounded: each thread holds one decoded image, and only small prepared ones wait for the encoder.
"""

import io
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from unicorn_assets.representation.image_files import Corrupt, Entry

if TYPE_CHECKING:
    from PIL.Image import Image

THREADS = min(4, os.cpu_count() or 1)
MAX_PIXELS = 90_000_000  # about 270 MB once decoded; a small file can claim to hold far more
_AHEAD = 2 * THREADS

Prepare = Callable[["Image"], Any]


def prepared_images(entries: Iterable[Entry], prepare: Prepare, corrupt: Corrupt) -> Iterator[tuple[str, Any]]:
    """(name, prepared image) of each readable image, in the order of `entries`; the others go to `corrupt`."""

    def work(entry: Entry) -> Any:
        return prepare(decode(entry.read()))

    waiting: deque[tuple[str, Future[Any]]] = deque()
    with ThreadPoolExecutor(THREADS, "decode") as threads:
        try:
            for entry in entries:
                waiting.append((entry.name, threads.submit(work, entry)))
                if len(waiting) >= _AHEAD:
                    yield from _next(waiting, corrupt)
            while waiting:
                yield from _next(waiting, corrupt)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _next(waiting: deque[tuple[str, Future[Any]]], corrupt: Corrupt) -> Iterator[tuple[str, Any]]:
    name, future = waiting.popleft()
    try:
        yield name, future.result()
    except (ValueError, OSError, MemoryError) as error:
        corrupt.append((name, str(error) or "too large for this machine's memory"))


def decode(data: bytes) -> "Image":
    """The whole image in memory; ValueError with a short reason when it cannot be decoded completely."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ValueError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but readable metadata, and sizes that are judged below
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
    except UnidentifiedImageError:
        raise ValueError("not an image that can be recognised") from None
    except Image.DecompressionBombError:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError, IndexError, EOFError, MemoryError) as error:
        raise ValueError(f"damaged: {error}") from None
    return image
