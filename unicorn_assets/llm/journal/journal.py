"""The journal as its users see it, and the thread that commits. Where answers lie is in lookup.py."""

import logging
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import upkeep
from unicorn_assets.llm.journal.blocks import encode_block, encode_line
from unicorn_assets.llm.journal.growing import GrowingPart
from unicorn_assets.llm.journal.lookup import Lookup
from unicorn_assets.llm.journal.store import Store, store_at
from unicorn_assets.llm.request import Answer
from unicorn_assets.stream import Stream

log = logging.getLogger(__name__)

GROUP = 64
GROUP_SECONDS = 1.0
GROUP_BYTES = 8 << 20

_Group = list[tuple[bytes, bytes]]


class Journal:
    """Answers by key. `open` it, use it as a context manager; get and put may be called from any thread."""

    def __init__(self, store: Store, events: Stream | None = None) -> None:
        self._store = store
        self._lock = threading.Condition()
        self._writes = threading.Lock()
        self._syncs = threading.Lock()
        self._queue: _Group = []
        self._pending: dict[str, Answer] = {}
        self._put_count = self._written = self._durable = 0
        self._failure: Exception | None = None
        self._closing = False
        self._lookup = Lookup(store, self._lock, events or Stream())
        self._part = GrowingPart(store, self._syncs)
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
            return len(self._lookup) + len(self._pending)

    @property
    def damage(self) -> list[upkeep.Damage]:
        """What was found damaged since it was opened."""
        return self._lookup.damage

    @property
    def commits_at_once(self) -> bool:
        """Whether write() and sync() take milliseconds, so that every answer can wait for them."""
        return self._store.commit_at_once

    def get(self, key: str) -> Answer | None:
        """The answer, durable or not, or None; raises JournalBroken when it cannot be read now."""
        # Without the lock: an answer that is written leaves here only once it can be looked up.
        return self._pending.get(key) or self._lookup.get(key)

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._pending or self._lookup.find(bytes.fromhex(key)) is not None

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
                self._part.end(is_sound=self._failure is None)
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
            fresh = self._lookup.unindexed + self._written
            if merged or upkeep.index_is_due(fresh, len(self._lookup)):
                self._lookup.load(after_writing=True)
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
        part, offset = self._part.append(block, self._lookup.last_part)
        with self._lock:
            self._lookup.add(part, offset, keys)
            for key in keys:
                self._pending.pop(key.hex(), None)
            self._written += len(group)


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
