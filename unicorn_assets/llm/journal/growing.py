"""The part that a journal writes at present: it grows block by block until it is full, and is sealed at its end."""

import contextlib
import threading
import time

from unicorn_assets.llm.journal.blocks import Seal
from unicorn_assets.llm.journal.store import Store
from unicorn_assets.llm.journal.upkeep import LARGE_PART

PUT_ATTEMPTS = 4
RETRY_S = 0.2


class GrowingPart:
    """One at a time; whoever writes holds the journal's lock for writing. `syncs` keeps a sync and an end apart."""

    def __init__(self, store: Store, syncs: threading.Lock) -> None:
        self._store, self._syncs = store, syncs
        self._name: str | None = None  # the part that the store holds open
        self._size = 0
        self._seal = Seal()

    def append(self, block: bytes, part: str | None) -> tuple[str, int]:
        """Write a block behind `part`, or to a new one if that is None or full; returns the part and the offset."""
        if part is None or self._size + len(block) >= LARGE_PART:
            part = None
            self.end()
        for attempt in range(PUT_ATTEMPTS):
            try:
                name, offset = self._store.append(part, block)
                break
            except self._store.errors:
                # A local disk says what is wrong at once; an object store deserves another try.
                if self._store.commit_at_once or attempt == PUT_ATTEMPTS - 1:
                    raise
                time.sleep(RETRY_S * 4**attempt)
        self._name, self._size = name, offset + len(block)
        self._seal.add(block)
        return name, offset

    def end(self, is_sound: bool = True) -> None:
        """Make the part durable and seal it, if there is one and writing it never failed; the next block starts
        another.
        """
        with self._syncs:
            name, self._name = self._name, None
            try:
                if name is not None and is_sound:
                    self._store.sync()
                    with contextlib.suppress(*self._store.errors):  # unsealed, it is like that of a writer that died
                        self._store.close_part(name, self._size, self._seal.encode())
            finally:
                self._store.release()
                self._seal = Seal()
