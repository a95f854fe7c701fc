"""The journal as its users see it, and the thread that commits."""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np

from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import upkeep
from unicorn_assets.llm.journal.blocks import (
    BLOCK_HEAD,
    KEY_BYTES,
    Seal,
    block_at,
    decode_line,
    encode_block,
    encode_line,
    lines_of,
)
from unicorn_assets.llm.journal.keytable import KeyTable, Place, merge, unsorted_table
from unicorn_assets.llm.journal.store import Store, store_at
from unicorn_assets.llm.request import Answer
from unicorn_assets.stream import Stream

log = logging.getLogger(__name__)

GROUP = 64
GROUP_SECONDS = 1.0
GROUP_BYTES = 8 << 20
FIRST_READ = 1 << 16
CACHE_BYTES = 16 << 20
RECENT_KEYS = 50_000
PUT_ATTEMPTS = 4
RETRY_S = 0.2

_Group = list[tuple[bytes, bytes]]


class Journal:
    """Answers by key. `open` it, use it as a context manager; get and put may be called from any thread."""

    def __init__(self, store: Store, events: Stream | None = None) -> None:
        self._store, self._events = store, events or Stream()
        self._lock = threading.Condition()
        self._writes = threading.Lock()
        self._syncs = threading.Lock()
        self._queue: _Group = []
        self._pending: dict[str, Answer] = {}
        self._put_count = self._written = self._durable = 0
        self._failure: Exception | None = None
        self._closing = False
        self._part: str | None = None  # the part that takes the next block, None after the folder was read again
        self._growing: str | None = None  # the part that the store holds open
        self._part_size = 0
        self._seal = Seal()
        self._cache: dict[tuple[int, int], list[bytes]] = {}
        self._cache_bytes = 0
        self.damage: list[upkeep.Damage] = []
        self._load()
        self._thread: threading.Thread | None = None

    @classmethod
    def open(
        cls,
        root_url: str,
        name: str = "journal",
        storage_options: Mapping[str, Any] | None = None,
        events: Stream | None = None,
    ) -> "Journal":
        """The journal below a lake's root: a local path, file://, or s3:// and other fsspec URLs. `events` gets each
        `Damage`.
        """
        return cls(store_at(root_url, name, storage_options), events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except JournalBroken:
            if error is None:  # else the caller hears of what went wrong first
                raise

    def __len__(self) -> int:
        """Number of different answers, those that are not yet durable included."""
        with self._lock:
            return len(self._table) + len(self._recent) + len(self._places) + len(self._pending)

    @property
    def commits_at_once(self) -> bool:
        """Whether write() and sync() take milliseconds, so that every answer can wait for them."""
        return self._store.commit_at_once

    # Reading

    def get(self, key: str) -> Answer | None:
        """The stored answer, or None. A part that vanished (compacted elsewhere) or is damaged is dealt with here;
        one that cannot be read now raises JournalBroken.
        """
        for _ in range(2):
            with self._lock:
                pending = self._pending.get(key)
                if pending is not None:
                    return pending
                place = self._find(bytes.fromhex(key))
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

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._pending or self._find(bytes.fromhex(key)) is not None

    def _find(self, key: bytes) -> Place | None:
        return self._places.get(key) or self._recent.find(key) or self._table.find(key)

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

    def _load(self, suspect: str | None = None, after_writing: bool = False) -> None:
        try:
            found = upkeep.take_inventory(self._store, suspect, after_writing)
        except self._store.errors as error:
            raise self._unreadable(error) from error
        self._table, self._names, self._unindexed = found.table, found.names, found.unindexed
        self.damage += found.damage
        for damage in found.damage:
            self._events.emit(damage)
        self._recent = merge([], {})
        self._places: dict[bytes, Place] = {}

    def _reload(self, suspect: str) -> None:
        """Read the folder again after a part was compacted by somebody else or turned out damaged."""
        with self._lock:
            self._cache.clear()
            self._cache_bytes = 0
            self._part = None
            self._load(suspect)

    def _unreadable(self, error: Exception) -> JournalBroken:
        return JournalBroken(
            f"The journal at {self._store.where} cannot be read: {error}",
            "check the lake's address, its permissions and the credentials in the environment.",
        )

    # Writing

    def put(self, answer: Answer) -> int:
        """Queue an answer; returns its number, which `durable` counts in. Raises JournalBroken."""
        line = encode_line(answer)
        with self._lock:
            self._check()
            if self._thread is None:
                self._thread = threading.Thread(target=self._commit_loop, name="journal", daemon=True)
                self._thread.start()
            self._queue.append((bytes.fromhex(answer.key), line))
            self._pending[answer.key] = answer
            self._put_count += 1
            if len(self._queue) >= GROUP:
                self._lock.notify_all()
            return self._put_count

    @property
    def durable(self) -> int:
        """How many of the answers that were put are durable."""
        return self._durable

    def write(self) -> None:
        """Hand what was put to the store: on local disk it survives the death of the process, but no power cut yet.

        Errors are kept for whoever puts, checks or flushes next.
        """
        with self._writes:  # one group at a time, whoever writes
            with self._lock:
                group, self._queue = self._queue, []
            if not group or self._failure is not None:
                return
            try:
                for chunk in _chunks(group):
                    self._write_block(chunk)
            except self._store.errors as error:
                self._failed(error)

    def sync(self) -> None:
        """Return when all that was written is durable; write() may go on meanwhile. Errors are kept as in write()."""
        with self._syncs:
            with self._lock:
                written = self._written
            if written == self._durable or self._failure is not None:
                return
            try:
                self._store.sync()
            except self._store.errors as error:
                self._failed(error)
                return
            self._durable = written

    def flush(self) -> None:
        """Return when everything that was put is durable; raises JournalBroken."""
        self.write()
        self.sync()
        self.check()

    def close(self) -> None:
        """Flush, end the writer, merge small parts and renew the index when much was written."""
        if self._closing:
            return
        try:
            if self._thread is not None:
                self.flush()
        finally:
            with self._lock:
                self._closing = True
                self._lock.notify_all()
            if self._thread is not None:
                self._thread.join()
            try:
                self._end_part()
            except self._store.errors as error:
                self._failed(error)
        self._raise_failure()
        if self._written:
            self._tidy()

    def _tidy(self) -> None:
        """Merge small parts, renew the index. Every answer is safe by now, so a failure only leaves more files."""
        failures: tuple[type[Exception], ...] = (JournalBroken, *self._store.errors)
        try:
            merged = upkeep.compact(self._store)
            fresh = self._unindexed + self._written
            if merged or upkeep.index_is_due(fresh, len(self._table) + self._written):
                self._load(after_writing=True)
        except failures as error:
            log.warning("journal: small parts are not merged, or the index is not renewed: %s", error)

    def check(self) -> None:
        """Raise JournalBroken if a commit failed."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        self._raise_failure()
        if self._closing:
            raise ValueError("the journal is closed")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise JournalBroken(
                f"The journal at {self._store.where} cannot be written: {self._failure}",
                "free disk space or mend the permissions, then run again: what was committed is kept.",
            ) from self._failure

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._failure = self._failure or error

    def _commit_loop(self) -> None:
        """Commit full groups, and what has waited for a second."""
        while True:
            with self._lock:
                self._lock.wait_for(lambda: len(self._queue) >= GROUP or self._closing, GROUP_SECONDS)
                if self._closing or self._failure is not None:
                    return
            self.write()
            self.sync()

    def _write_block(self, group: _Group) -> None:
        keys = [key for key, _ in group]
        block = encode_block(keys, [line for _, line in group])
        part = self._part if self._part_size + len(block) < upkeep.LARGE_PART else None
        if part is None:
            self._end_part()
        for attempt in range(PUT_ATTEMPTS):
            try:
                name, offset = self._store.append(part, block)
                break
            except self._store.errors:
                # A local disk says what is wrong at once; an object store deserves another try.
                if self._store.commit_at_once or attempt == PUT_ATTEMPTS - 1:
                    raise
                time.sleep(RETRY_S * 4**attempt)
        self._growing = name
        self._seal.add(block)
        with self._lock:
            if name != self._part:
                self._names.append(name)
                self._part, self._part_number = name, len(self._names) - 1
            self._part_size = offset + len(block)
            for slot, key in enumerate(keys):
                self._places[key] = Place(self._part_number, offset, slot)
                self._pending.pop(key.hex(), None)
            self._written += len(group)
            if len(self._places) >= RECENT_KEYS:
                self._recent = merge([self._recent, _table_of(self._places)], {})
                self._places = {}

    def _end_part(self) -> None:
        """Make the part that grows durable and seal it, if there is one; the next block starts another."""
        with self._syncs:
            growing, self._growing, self._part = self._growing, None, None
            try:
                if growing is not None and self._failure is None:
                    self._store.sync()
                    with contextlib.suppress(*self._store.errors):  # unsealed, it is like that of a writer that died
                        self._store.close_part(growing, self._part_size, self._seal.encode())
            finally:
                self._store.release()
                self._seal = Seal()


def _chunks(group: _Group) -> list[_Group]:
    """Groups of at most GROUP answers and about GROUP_BYTES, so that one block never grows without bound."""
    chunks: list[_Group] = [[]]
    size = 0
    for item in group:
        if chunks[-1] and (len(chunks[-1]) >= GROUP or size + len(item[1]) > GROUP_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item[1])
    return chunks


def _table_of(places: dict[bytes, Place]) -> KeyTable:
    table = unsorted_table(b"".join(places), 0, [0], [len(places)])
    table.part = np.fromiter((place.part for place in places.values()), "<u4", len(places))
    table.offset = np.fromiter((place.offset for place in places.values()), "<u4", len(places))
    table.slot = np.fromiter((place.slot for place in places.values()), "<u2", len(places))
    return table
