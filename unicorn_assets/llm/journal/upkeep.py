"""Keeping the journal's folder in order: finding out what is there, setting damage aside, merging small parts.

Every step leaves a folder that can be opened if the process dies in its middle: new files appear whole, old ones go
last, and an answer that is stored twice in between does no harm because keys are content.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unicorn_assets.llm.journal.blocks import (
    CLOSED_HEADER,
    KEY_BYTES,
    SEAL_MAGIC,
    Block,
    Seal,
    closed_part,
    contents,
    encode_block,
    key_list,
    lines_of,
    readable_blocks,
)
from unicorn_assets.llm.journal.keytable import KeyTable, empty_table, index_bytes, merge, read_index, unsorted_table
from unicorn_assets.llm.journal.store import DAMAGED_SUFFIX, INDEX_SUFFIX, PART_SUFFIX, Store, new_name

log = logging.getLogger(__name__)

SMALL_PART = 8 << 20
LARGE_PART = 64 << 20
COMPACT_AT = 64
LOCKS_AT_ONCE = 256
INDEX_AT = 10_000
ANSWERS_PER_BLOCK = 128
SEAL_BYTES = len(Seal().encode())


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that was set aside: how many answers were saved from it, and how many bytes could not be read or, where
    an index remembers the part's size, are missing. `end_missing`: what is left can be read, but it was longer once.
    """

    name: str
    answers_saved: int
    bytes_lost: int
    end_missing: bool = False

    def __str__(self) -> str:
        """One line for people."""
        what = "lost its end" if self.end_missing else "was damaged or half written"
        lost = f", {self.bytes_lost} bytes lost" if self.bytes_lost else ""
        if not self.name.endswith(PART_SUFFIX):
            return f"journal: {self.name} {what} and was made again from the parts"
        return (
            f"journal: {self.name} {what}; {self.answers_saved} answers saved{lost}; rows whose answer is gone are "
            f"asked again; the original is kept as {self.name}{DAMAGED_SUFFIX}"
        )


@dataclass(slots=True)
class Inventory:
    """What a folder holds: a searchable table, the names behind its part numbers, and the damage found on the way."""

    table: KeyTable
    names: list[str]
    damage: list[Damage]


def take_inventory(store: Store) -> Inventory:
    """Read the newest index, scan the parts it does not cover, and write a new index when that was much."""
    damage: list[Damage] = []
    while True:
        found = _inventory_once(store, damage)
        if found is not None:
            return found


def _inventory_once(store: Store, damage: list[Damage]) -> Inventory | None:
    """None when a part vanished while we read: somebody compacted it, and its answers are in a part not yet listed."""
    files = store.listing()
    table = _newest_index(store, files, damage)
    names = list(table.parts)
    gone = [number for number, name in enumerate(names) if files.get(name) != table.parts[name]]
    sizes = {name: size for name, size in table.parts.items() if files.get(name) == size}
    if gone:
        table = table.without(gone)
    fresh: list[KeyTable] = []
    wanted = sorted(name for name in files if name.endswith(PART_SUFFIX) and name not in sizes)
    seen = 0
    for part_name, data in store.read_many(wanted):
        seen += 1
        name, size, blocks = _sound_blocks(store, part_name, data, table.parts.get(part_name, 0), damage)
        names.append(name)
        if size:  # else nothing could be saved, and there is no such part
            sizes[name] = size
        if blocks:
            keys = b"".join(block.keys for block in blocks)
            counts = [len(block.keys) // KEY_BYTES for block in blocks]
            fresh.append(unsorted_table(keys, len(names) - 1, [block.offset for block in blocks], counts))
    if seen < len(wanted):
        return None
    if fresh or gone:
        table = merge([table, *fresh], sizes)
    if sum(map(len, fresh)) >= INDEX_AT or len(gone) >= COMPACT_AT:
        return Inventory(*_write_index(store, table, names, sizes, files), damage)
    return Inventory(table, names, damage)


def _newest_index(store: Store, files: dict[str, int], damage: list[Damage]) -> KeyTable:
    """The newest index that can be read; a damaged one is set aside and the parts are scanned instead."""
    for name in sorted((name for name in files if name.endswith(INDEX_SUFFIX)), reverse=True):
        try:
            return read_index(store.mapped(name))
        except FileNotFoundError:
            continue
        except ValueError:
            with contextlib.suppress(FileNotFoundError):
                store.rename(name, name + DAMAGED_SUFFIX)
            damage.append(Damage(name, 0, files[name]))
            log.warning("%s", damage[-1])
    return empty_table()


def _write_index(
    store: Store, table: KeyTable, names: list[str], sizes: dict[str, int], files: dict[str, int]
) -> tuple[KeyTable, list[str]]:
    """Write the table with part numbers closed up; returns the table over the new file and the names it numbers."""
    number_of = {name: number for number, name in enumerate(sizes)}
    renumber = np.array([number_of.get(name, 0) for name in names], "<u4")
    table.part = renumber[table.part]
    table.parts = sizes
    name = new_name(INDEX_SUFFIX)
    store.write(name, index_bytes(table))
    for stale in files:
        if stale.endswith(INDEX_SUFFIX):
            store.remove(stale)
    return read_index(store.mapped(name)), list(sizes)


def _sound_blocks(
    store: Store, name: str, data: bytes, known: int, damage: list[Damage]
) -> tuple[str, int, list[Block]]:
    """The part's name, final size (-1: not final) and good blocks; a damaged part is replaced by what could be saved.

    `known` is the size in bytes that an index remembers. A part whose writer died is closed here: from then on, whoever
    has seen its answers would notice their loss.
    """
    part = contents(data)
    if part.closed and len(data) >= known:
        return name, len(data), part.blocks
    with store.sealed(name) as free:
        if not free:  # its writer is at work; what it has committed so far is good
            return name, -1, part.blocks
        data = store.read(name)
        part = contents(data)
        if len(data) < known or not (part.closed or part.growing):
            return _set_aside(store, name, data, known, damage)
        size = len(data)
        if part.growing:
            end = part.blocks[-1].offset + part.blocks[-1].size if part.blocks else len(CLOSED_HEADER)
            try:
                size = store.close_part(name, end, part.seal)
            except store.errors as error:  # a folder that may only be read
                log.info("journal: part %s cannot be closed: %s", name, error)
                size = -1
        return name, size, part.blocks


def _set_aside(store: Store, name: str, data: bytes, known: int, damage: list[Damage]) -> tuple[str, int, list[Block]]:
    saved = list(readable_blocks(data))
    kept = sum(block.size for block in saved)
    fresh, size = new_name(PART_SUFFIX), 0
    blocks: list[Block] = []
    if saved:
        offset = len(CLOSED_HEADER)
        for block in saved:
            blocks.append(Block(offset, block.size, block.keys))
            offset += block.size
        size = offset + SEAL_BYTES
        store.write(fresh, closed_part(data[block.offset : block.offset + block.size] for block in saved))
    with contextlib.suppress(FileNotFoundError):
        store.rename(name, name + DAMAGED_SUFFIX)
    unread = len(data) - len(CLOSED_HEADER) - kept
    if data[-SEAL_BYTES:].startswith(SEAL_MAGIC):
        unread -= SEAL_BYTES
    end_missing = unread == 0
    lost = max(0, unread, known - len(data) if known > 0 else 0)
    damage.append(Damage(name, sum(len(block.keys) // KEY_BYTES for block in saved), lost, end_missing))
    log.warning("%s", damage[-1])
    return fresh, size, blocks


def check_part(store: Store, name: str, damage: list[Damage]) -> None:
    """Read a part that is under suspicion from end to end, and set it aside if it is damaged."""
    for _, data in store.read_many([name]):
        _sound_blocks(store, name, data, 0, damage)


def compact(store: Store, at_least: int = COMPACT_AT) -> int:
    """Merge sealed small parts into large ones when there are `at_least` of them; returns how many were merged."""
    files = store.listing()
    small = sorted(name for name, size in files.items() if name.endswith(PART_SUFFIX) and size < SMALL_PART)
    if len(small) < at_least:
        return 0
    merged: list[str] = []
    batch: list[str] = []
    weight = 0
    for name in small:
        batch.append(name)
        weight += files[name]
        if weight >= LARGE_PART or len(batch) >= LOCKS_AT_ONCE:
            merged += _merge_parts(store, batch)
            batch, weight = [], 0
    if len(batch) > 1:
        merged += _merge_parts(store, batch)
    return len(merged)


def _merge_parts(store: Store, names: list[str]) -> list[str]:
    """Write the answers of all whole, sealed parts into one new part, then remove them."""
    with contextlib.ExitStack() as locks:
        sealed = [name for name in names if locks.enter_context(store.sealed(name))]
        sound: list[str] = []

        def blocks() -> Iterator[bytes]:
            keys: list[bytes] = []
            lines: list[bytes] = []
            seen: set[bytes] = set()
            for name, data in store.read_many(sealed):
                part = contents(data)
                if not (part.closed or part.growing):
                    continue  # damaged: the next opening sets it aside
                sound.append(name)
                for block in part.blocks:
                    for key, line in zip(
                        key_list(block), lines_of(data[block.offset : block.offset + block.size]), strict=True
                    ):
                        if key not in seen:
                            seen.add(key)
                            keys.append(key)
                            lines.append(line)
                    if len(keys) >= ANSWERS_PER_BLOCK:
                        yield encode_block(keys, lines)
                        keys, lines = [], []
            if keys:
                yield encode_block(keys, lines)

        if len(sealed) > 1:
            store.write(new_name(PART_SUFFIX), closed_part(blocks()))
            for name in sound:
                store.remove(name)
        return sound
