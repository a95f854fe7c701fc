"""Where the journal's answers lie: an index, what was written since it was read, and the blocks that were read lately.

Not here: what is not written yet (journal.py), the index and its upkeep (keytable.py, upkeep.py).
"""

import logging
import threading
from collections.abc import Sequence

import numpy as np

from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import upkeep
from unicorn_assets.llm.journal.blocks import BLOCK_HEAD, KEY_BYTES, block_at, decode_line, lines_of
from unicorn_assets.llm.journal.keytable import KeyTable, Place, merge, unsorted_table
from unicorn_assets.llm.journal.store import Store
from unicorn_assets.llm.request import Answer
from unicorn_assets.stream import Stream

log = logging.getLogger(__name__)

FIRST_READ = 1 << 16
CACHE_BYTES = 16 << 20
RECENT_KEYS = 50_000


class Lookup:
    """Stored answers by key. `lock` is the journal's; `events` gets each Damage."""

    def __init__(self, store: Store, lock: threading.Condition, events: Stream) -> None:
        self._store, self._lock, self._events = store, lock, events
        self._cache: dict[tuple[int, int], list[bytes]] = {}
        self._cache_bytes = 0
        self.damage: list[upkeep.Damage] = []
        self.last_part: str | None = None
        """The part that `add` heard of last; None after the folder was read again."""
        self.load()

    def __len__(self) -> int:
        return len(self._table) + len(self._recent) + len(self._places)

    def load(self, suspect: str | None = None, after_writing: bool = False) -> None:
        """Read the folder; see take_inventory. Raises JournalBroken."""
        try:
            found = upkeep.take_inventory(self._store, suspect, after_writing)
        except self._store.errors as error:
            raise self._unreadable(error) from error
        self._table, self._names, self.unindexed = found.table, found.names, found.unindexed
        self._recent = merge([], {})
        self._places: dict[bytes, Place] = {}
        self.damage += found.damage
        for damage in found.damage:
            self._events.emit(damage)

    def find(self, key: bytes) -> Place | None:
        """Where an answer lies."""
        return self._places.get(key) or self._recent.find(key) or self._table.find(key)

    def add(self, part: str, offset: int, keys: Sequence[bytes]) -> None:
        """A block with answers to `keys` was written at `offset` of a part."""
        if part != self.last_part:
            self._names.append(part)
            self.last_part = part
        number = len(self._names) - 1
        for slot, key in enumerate(keys):
            self._places[key] = Place(number, offset, slot)
        if len(self._places) >= RECENT_KEYS:
            self._recent = merge([self._recent, _table_of(self._places)], {})
            self._places = {}

    def get(self, key: str) -> Answer | None:
        """The stored answer, or None. A part that vanished (compacted elsewhere) or is damaged is dealt with here;
        one that cannot be read now raises JournalBroken.
        """
        for _ in range(2):
            with self._lock:
                place = self.find(bytes.fromhex(key))
                if place is None:
                    return None
                name = self._names[place.part]
            try:
                return decode_line(key, self._block_lines(place, name)[place.slot])
            except FileNotFoundError:
                log.info("journal: part %s is gone, reading the folder again", name)
            except (ValueError, IndexError):
                log.warning("journal: a block of %s cannot be read, checking the part", name)
            except self._store.errors as error:
                raise self._unreadable(error) from error
            self._reload(name)
        return None

    def _block_lines(self, place: Place, name: str) -> list[bytes]:
        spot = (place.part, place.offset)
        lines = self._cache.get(spot)
        if lines is None:
            data = self._store.read(name, place.offset, place.offset + FIRST_READ)
            if len(data) >= BLOCK_HEAD.size and block_at(data, 0) is None:
                _, count, length, _ = BLOCK_HEAD.unpack_from(data, 0)
                size = BLOCK_HEAD.size + count * KEY_BYTES + length
                if FIRST_READ < size <= upkeep.LARGE_PART * 8:
                    data = self._store.read(name, place.offset, place.offset + size)
            lines = lines_of(data)
            size = sum(map(len, lines))
            with self._lock:
                while self._cache and self._cache_bytes + size > CACHE_BYTES:
                    self._cache_bytes -= sum(map(len, self._cache.pop(next(iter(self._cache)))))
                self._cache[spot] = lines
                self._cache_bytes += size
        return lines

    def _reload(self, suspect: str) -> None:
        """Read the folder again after a part was compacted by somebody else or turned out damaged."""
        with self._lock:
            self._cache.clear()
            self._cache_bytes = 0
            self.last_part = None
            self.load(suspect)

    def _unreadable(self, error: Exception) -> JournalBroken:
        return JournalBroken(
            f"The journal at {self._store.where} cannot be read: {error}",
            "check the lake's address, its permissions and the credentials in the environment.",
        )


def _table_of(places: dict[bytes, Place]) -> KeyTable:
    table = unsorted_table(b"".join(places), 0, [0], [len(places)])
    table.part = np.fromiter((place.part for place in places.values()), "<u4", len(places))
    table.offset = np.fromiter((place.offset for place in places.values()), "<u4", len(places))
    table.slot = np.fromiter((place.slot for place in places.values()), "<u2", len(places))
    return table
