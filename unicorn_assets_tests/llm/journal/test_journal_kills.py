"""Random histories of the journal: writes, kills that cut files at any byte, replays, compactions (hypothesis).

A kill is what a power cut leaves: of every part, all that was fsynced and any prefix of what was not. The model is a
dictionary of durable answers; whatever happens, these are found, and nothing is found that was never put. A part that
was closed, by its writer, by an opening after its writer's death or by compaction, is missed when it loses its end.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unicorn_assets.ids import digest
from unicorn_assets.llm.journal import Journal, upkeep
from unicorn_assets.llm.journal.blocks import (
    CLOSED_HEADER,
    PART_HEADER,
    closed_part,
    encode_block,
    encode_line,
    prefix_blocks,
)
from unicorn_assets.llm.journal.store import PART_SUFFIX, new_name
from unicorn_assets.llm.request import Answer


def answer(number: int) -> Answer:
    return Answer(digest(number), f"answer {number} " * (number % 7), "stop", number, 1, 0, 0.5, 1, "m")


class JournalUnderFire(RuleBasedStateMachine):
    @initialize(index_at=st.sampled_from([5, 1000]))
    def start(self, index_at: int) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.usual = upkeep.INDEX_AT
        upkeep.INDEX_AT = index_at
        self.durable: set[int] = set()
        self.uncertain: set[int] = set()
        self.next = 0
        self.journal = Journal.open(str(self.root))

    def teardown(self) -> None:
        if hasattr(self, "root"):
            upkeep.INDEX_AT = self.usual
            self.journal.close()
            shutil.rmtree(self.root)

    @rule(count=st.integers(1, 30))
    def put_and_flush(self, count: int) -> None:
        for _ in range(count):
            self.journal.put(answer(self.next))
            self.durable.add(self.next)
            self.next += 1
        self.journal.flush()

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal.open(str(self.root))
        assert self.journal.damage == []

    @rule(count=st.integers(1, 20), cut=st.floats(0, 1), garbage=st.binary(max_size=50), name_first=st.booleans())
    def killed_while_writing(self, count: int, cut: float, garbage: bytes, name_first: bool) -> None:
        """A writer died: its last block reached the disk in part, maybe followed by what the disk held before."""
        numbers = range(self.next, self.next + count)
        self.next += count
        self.uncertain.update(numbers)
        block = encode_block(
            [bytes.fromhex(digest(number)) for number in numbers], [encode_line(answer(number)) for number in numbers]
        )
        tail = block[: int(len(block) * cut)] + garbage
        self.journal.close()
        parts = sorted(self.root.glob(f"journal/*{PART_SUFFIX}"))
        if parts and name_first:
            with parts[-1].open("ab") as part:
                part.write(tail)
        else:
            (self.root / "journal").mkdir(exist_ok=True)
            (self.root / "journal" / new_name(PART_SUFFIX)).write_bytes(
                (PART_HEADER + tail)[: int(len(tail) * cut) + 16]
            )
        self.journal = Journal.open(str(self.root))

    @rule(share=st.floats(0, 0.999), at_a_block=st.booleans())
    def lost_tail(self, share: float, at_a_block: bool) -> None:
        """A closed part lost its end although it was synced (a lying disk, a copy cut short), maybe between blocks."""
        self.journal.close()
        parts = sorted(self.root.glob(f"journal/*{PART_SUFFIX}"))
        if parts:
            raw = parts[-1].read_bytes()
            assert raw.startswith(CLOSED_HEADER)
            keep = int(len(raw) * share)
            if at_a_block:
                ends = [len(CLOSED_HEADER), *(block.offset + block.size for block in prefix_blocks(raw))]
                keep = ends[int(len(ends) * share)]
            parts[-1].write_bytes(raw[:keep])
        self.journal = Journal.open(str(self.root))
        assert [damage.name for damage in self.journal.damage] == [part.name for part in parts[-1:]]
        lost = {number for number in self.durable if self.journal.get(digest(number)) is None}
        self.durable -= lost
        self.uncertain |= lost

    @rule(count=st.integers(1, 20), steps=st.integers(0, 2))
    def killed_while_closing(self, count: int, steps: int) -> None:
        """A writer died after its last block, after its seal, or while the seal was half written."""
        numbers = range(self.next, self.next + count)
        self.next += count
        block = encode_block(
            [bytes.fromhex(digest(number)) for number in numbers], [encode_line(answer(number)) for number in numbers]
        )
        whole = b"".join(closed_part([block]))
        tail = (whole[len(CLOSED_HEADER) :], whole[len(CLOSED_HEADER) : -7], block)[steps]
        self.journal.close()
        (self.root / "journal").mkdir(exist_ok=True)
        (self.root / "journal" / new_name(PART_SUFFIX)).write_bytes(PART_HEADER + tail)
        self.journal = Journal.open(str(self.root))
        assert bool(self.journal.damage) == (steps == 1)
        self.durable.update(numbers)

    @rule(keep=st.floats(0, 1))
    def killed_while_compacting(self, keep: float) -> None:
        """The merged part is there, whole, and some of the parts it was made from are not removed yet; or it was still
        a temporary file.
        """
        self.journal.close()
        folder = self.root / "journal"
        folder.mkdir(exist_ok=True)
        before = {path: path.read_bytes() for path in sorted(folder.glob(f"*{PART_SUFFIX}"))}
        with Journal.open(str(self.root)) as other:
            upkeep.compact(other._store, at_least=2)
        for path in list(before)[: int(len(before) * keep)]:
            path.write_bytes(before[path])
        (folder / (new_name(PART_SUFFIX) + ".tmp")).write_bytes(b"".join(before.values())[:100])
        self.journal = Journal.open(str(self.root))
        assert self.journal.damage == []

    @rule()
    def second_writer(self) -> None:
        with Journal.open(str(self.root)) as other:
            other.put(answer(self.next))
        self.durable.add(self.next)
        self.next += 1
        self.journal.close()
        self.journal = Journal.open(str(self.root))

    @rule()
    def compact(self) -> None:
        with Journal.open(str(self.root)) as other:
            upkeep.compact(other._store, at_least=2)

    @invariant()
    def everything_durable_is_there_and_nothing_else(self) -> None:
        if not hasattr(self, "root"):
            return
        for number in range(self.next):
            found = self.journal.get(digest(number))
            if number in self.durable:
                assert found is not None
            if found is not None:
                assert number in self.durable or number in self.uncertain
                assert found.text == answer(number).text
        assert self.journal.get(digest(self.next)) is None


JournalUnderFire.TestCase.settings = settings(
    max_examples=40, stateful_step_count=15, suppress_health_check=list(HealthCheck)
)
test_random_histories = JournalUnderFire.TestCase
