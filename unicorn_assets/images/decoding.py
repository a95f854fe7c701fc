"""From encoded images to what an encoder takes, in threads and in order; a bad image is set aside with its reason.

Memory is bounded: the images that are decoded at one time have MAX_PIXELS pixels in all, so a huge one is decoded
alone, and only small prepared ones wait for the encoder. Formats are those that people keep pictures in; Pillow knows
many more, some of which start other programs.
"""

import io
import os
import re
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from unicorn_assets.images.entries import MAX_FILE_BYTES, Corrupt, Entry

if TYPE_CHECKING:
    from PIL.Image import Image

THREADS = min(4, os.cpu_count() or 1)
MAX_PIXELS = 90_000_000  # about 360 MB once decoded; a small file can claim to hold far more
MAX_RATIO = 200  # of the longer side to the shorter one: scaled by its shorter side, a line would become enormous
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_AHEAD = 2 * THREADS

Prepare = Callable[["Image"], Any]


def prepared_images(entries: Iterable[Entry], prepare: Prepare, corrupt: Corrupt) -> Iterator[tuple[str, Any]]:
    """(name, prepared image) of each readable image, in the order of `entries`; the others go to `corrupt`."""
    room = _Room(MAX_PIXELS)

    def work(entry: Entry) -> Any:
        image = _opened(entry.read())
        with room.taken(image.width * image.height):
            return prepare(_loaded(image))

    waiting: deque[tuple[Entry, Future[Any]]] = deque()
    with ThreadPoolExecutor(THREADS, "decode") as threads:
        try:
            for entry in entries:
                held = entry.held + sum(one.held for one, _ in waiting)
                while waiting and (len(waiting) >= _AHEAD or held > MAX_FILE_BYTES):
                    held -= waiting[0][0].held
                    yield from _next(waiting, corrupt)
                waiting.append((entry, threads.submit(work, entry)))
            while waiting:
                yield from _next(waiting, corrupt)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _next(waiting: deque[tuple[Entry, Future[Any]]], corrupt: Corrupt) -> Iterator[tuple[str, Any]]:
    entry, future = waiting.popleft()
    try:
        found = future.result()
    except Exception as error:  # whatever a decoder raises over what strangers made
        corrupt.append((entry.name, _reason(error)))
    else:
        yield entry.name, found


def decode(data: bytes) -> "Image":
    """The whole image in memory; ValueError with a short reason when it cannot be decoded completely."""
    return _loaded(_opened(data))


def _opened(data: bytes) -> "Image":
    """The image with its size known and its pixels not yet there."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ValueError("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but readable metadata, and sizes that are judged below
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError("not an image that can be recognised") from None
    except Image.DecompressionBombError:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:
        raise ValueError(f"damaged: {_reason(error)}") from None
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels")
    if max(image.size) > MAX_RATIO * min(image.size):
        raise ValueError(f"one side is more than {MAX_RATIO} times the other")
    return image


def _loaded(image: "Image") -> "Image":
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except Exception as error:
        raise ValueError(f"damaged: {_reason(error)}") from None
    return _in_8_bits(image)


def _in_8_bits(image: "Image") -> "Image":
    """Grey in 16 bits as grey in 8, which Pillow would cut off to white; ValueError where no range is known."""
    if image.mode.startswith("I;16"):
        import numpy as np
        from PIL import Image

        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("its pixels are numbers of 32 bits, of which nobody says what is white")
    return image


def _reason(error: Exception) -> str:
    """What a decoder says, without what differs from run to run."""
    if isinstance(error, MemoryError):
        return "too large for this machine's memory"
    text = " ".join(re.sub(r" ?(at )?0x[0-9a-fA-F]{6,}", "", str(error)).split())
    return text[:200] or type(error).__name__


class _Room:
    """Pixels that may be decoded at one time, by all threads together."""

    def __init__(self, most: int) -> None:
        self._most, self._used, self._freed = most, 0, threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        with self._freed:
            self._freed.wait_for(lambda: not self._used or self._used + pixels <= self._most)
            self._used += pixels
        try:
            yield
        finally:
            with self._freed:
                self._used -= pixels
                self._freed.notify_all()
