"""One encoded image of a collection, and the list of those that were set aside. Not here: where they come from."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from unicorn_assets.plain_files import shown

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
MAX_FILE_BYTES = 128 << 20  # of one encoded image; a larger one is set aside unread
MAX_LISTED = 1000  # images that were set aside and are named; all are counted


class Corrupt(list[tuple[str, str]]):
    """Names of images or shards that were set aside, each with its reason: the first 1,000, and how many in all."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.reasons: Counter[str] = Counter()

    def append(self, item: tuple[str, str]) -> None:
        """Count one; reasons are counted without what is in them of one image alone."""
        name, reason = (shown(text) for text in item)
        self.total += 1
        self.reasons[re.split(r"[:(]", reason)[0].strip()[:60]] += 1
        if len(self) < MAX_LISTED:
            super().append((name, reason[:300]))

    def summary(self) -> str:
        """Counts by reason, the most frequent first."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common(8))


@dataclass(frozen=True)
class Entry:
    """One encoded image: its name, and how to get its bytes; ValueError when that fails. `held` bytes are in memory."""

    name: str
    read: Callable[[], bytes]
    held: int = 0
