"""Texts by number, fetched a shard at a time when one is first needed, and kept on disk from then on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from unicorn_assets.curation.spool import Spool


class Shelf:
    """`parts` give the texts of a shard each; `starts` are the numbers of their first texts."""

    def __init__(self, parts: Sequence[Callable[[], Sequence[str]]], starts: Sequence[int]) -> None:
        self._parts, self._starts = parts, starts
        self._spooled: dict[int, int] = {}
        self._spool = Spool()

    def text(self, number: int) -> str:
        """The text with this number."""
        part = bisect_right(self._starts, number) - 1
        if part not in self._spooled:
            self._spooled[part] = len(self._spool)
            for text in self._parts[part]():
                self._spool.append(text)
        return self._spool.read(self._spooled[part] + number - self._starts[part])

    def close(self) -> None:
        """Delete what was kept."""
        self._spool.close()
