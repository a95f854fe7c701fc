"""Keeping the journal's folder in order: finding out what is there, setting damage aside, merging small parts.

Every step leaves a folder that can be opened if the process dies in its middle: new files appear whole, old ones go
last, and an answer that is stored twice in between does no harm because keys are content.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Sequence
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
INDEX_SHARE = 8
ANSWERS_PER_BLOCK = 128
SEAL_BYTES = len(Seal().encode())


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that was set aside: how many answers were saved from it, and how many bytes could not be read or, where
    an index remembers the part's size, are missing. `end_missing`: what is left can be read, but it was longer once.
    `answers_gone`: the whole part is gone, and so many of its answers are in no other.
    """

    name: str
    answers_saved: int
    bytes_lost: int
    end_missing: bool = False
    answers_gone: int = 0

    def __str__(self) -> str:
        """One line for people."""
        if self.answers_gone:
            return (
                f"journal: {self.name}, or the part that it was merged into, is gone, and {self.answers_gone} of its "
                "answers are in no other part; their rows are asked again; bring the file back from a copy to have them"
            )
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
    """What a folder holds: a searchable table, the names behind its part numbers, the damage found on the way, and how
    many answers no index covers.
    """

    table: KeyTable
    names: list[str]
    damage: list[Damage]
    unindexed: int


def take_inventory(store: Store, suspect: str | None = None, after_writing: bool = False) -> Inventory:
    """Read the newest index, scan the parts it does not cover, and write a new index when that was much.

    `suspect`: a part that is read from end to end first. `after_writing`: much is also what is a good share of all;
    opening a journal to read it writes no small index.
    """
    damage: list[Damage] = []
    for name, data in store.read_many([suspect] if suspect else []):
        _sound_blocks(store, name, data, 0, damage)
    missed: set[str] = set()
    while True:
        found = _inventory_once(store, damage, missed, after_writing)
        if found is not None:
            return found


def index_is_due(unindexed: int, answers: int) -> bool:
    """Whether a writer leaves a new index: it costs 26 bytes an answer, and only what it covers can be missed."""
    return unindexed >= min(INDEX_AT, answers // INDEX_SHARE + 1)


def _inventory_once(store: Store, damage: list[Damage], missed: set[str], after_writing: bool) -> Inventory | None:
    """None when it has to be done again: a part vanished while we read, because somebody compacted it, and its answers
    are in a part not yet listed; or answers are missing, and a second listing has to confirm it (`missed`).
    """
    files = store.listing()
    table = _newest_index(store, files, damage)
    names = list(table.parts)
    gone = [number for number, name in enumerate(names) if files.get(name) != table.parts[name]]
    sizes = {name: size for name, size in table.parts.items() if files.get(name) == size}
    # Compaction removes parts, too, but their answers are in another part then. So the answers of parts that are gone
    # come last in the merge below, and only those that are nowhere else survive it. Not counted: a part that was set
    # aside, which has been told of, and one that was still growing, whose end a power cut may take.
    deleted = [
        number
        for number in gone
        if not {names[number], names[number] + DAMAGED_SUFFIX} & files.keys() and table.parts[names[number]] > 0
    ]
    lost = table.only(deleted) if deleted else empty_table()
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
        table = merge([table, *fresh, lost], sizes)
    if len(lost):
        # Damage found just now explains what is missing: a part that was merged from these.
        nowhere = {} if damage else _answers_by_part(table, deleted, names)
        if nowhere.keys() - missed:
            missed.update(nowhere)
            return None
        damage += [_report_deleted(store, name, count, lost.parts[name]) for name, count in nowhere.items()]
        table = table.without(deleted)
    unindexed = sum(map(len, fresh))
    much = index_is_due(unindexed, len(table)) if after_writing else unindexed >= INDEX_AT
    aside = any(names[number] + DAMAGED_SUFFIX in files for number in gone)
    if much or len(gone) >= COMPACT_AT or damage or aside:  # a new index forgets a loss, so that it is reported once
        try:
            return Inventory(*_write_index(store, table, names, sizes, files), damage, 0)
        except store.errors as error:  # it is a shortcut only
            log.info("journal: no index was written: %s", error)
    return Inventory(table, names, damage, unindexed)


def _answers_by_part(table: KeyTable, numbers: Sequence[int], names: Sequence[str]) -> dict[str, int]:
    """How many of the table's answers lie in each of some parts; parts without any are left out."""
    counts = np.bincount(table.part, minlength=len(names))
    return {names[number]: int(counts[number]) for number in numbers if counts[number]}


def _report_deleted(store: Store, name: str, answers: int, size: int) -> Damage:
    """Tell of a part that is gone with answers that nobody else has, and leave a note where its file would be."""
    found = Damage(name, 0, size, answers_gone=answers)
    log.warning("%s", found)
    with contextlib.suppress(*store.errors):
        store.write(name + DAMAGED_SUFFIX, iter([f"{found}\n".encode()]))
    return found


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
    table = dataclasses.replace(table, part=renumber[table.part], parts=sizes)
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


def damaged_files(store: Store) -> Iterator[tuple[str, str]]:
    """Name and reason of every part and index that is not whole, each read from end to end; nothing is changed. A part
    that somebody is writing to is left out: its end is not there yet.
    """
    for name, data in store.read_many(sorted(name for name in store.listing() if name.endswith(PART_SUFFIX))):
        part = contents(data)
        if part.closed or part.growing:
            continue
        with store.sealed(name) as free:
            if free:
                yield name, "a block of answers or the end of the part was changed"
    for name in sorted(name for name in store.listing() if name.endswith(INDEX_SUFFIX)):
        try:
            read_index(store.mapped(name))
        except FileNotFoundError:
            continue
        except ValueError as error:
            yield name, f"{error}; it is made again from the parts"


def mend_files(store: Store, names: Sequence[str]) -> None:
    """Set damaged files aside; of a part, what can be read goes into a new one."""
    for name in names:
        take_inventory(store, suspect=name if name.endswith(PART_SUFFIX) else None)


def compact(store: Store, at_least: int | None = None) -> int:
    """Merge sealed small parts into large ones when there are `at_least` (COMPACT_AT) of them; returns how many were
    merged.
    """
    files = store.listing()
    small = sorted(name for name, size in files.items() if name.endswith(PART_SUFFIX) and size < SMALL_PART)
    if len(small) < (at_least or COMPACT_AT):
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
