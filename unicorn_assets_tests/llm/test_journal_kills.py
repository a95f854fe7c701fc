"""Random histories of the journal: writes, kills that cut files at any byte, replays, compactions (hypothesis).

A kill is what a power cut leaves: of every part, all that was fsynced and any prefix of what was not. The model is a
dictionary of durable answers; whatever happens, these are found, and nothing is found that was never put.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unicorn_assets.ids import digest
from unicorn_assets.llm.journal import Journal, upkeep
from unicorn_assets.llm.journal.blocks import PART_HEADER, encode_block, encode_line, prefix_blocks
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

    @rule(share=st.floats(0, 0.999))
    def lost_tail(self, share: float) -> None:
        """The newest part lost its end although it was fsynced (a lying disk): what follows the cut is uncertain."""
        self.journal.close()
        parts = sorted(self.root.glob(f"journal/*{PART_SUFFIX}"))
        visible = False
        if parts:
            raw = parts[-1].read_bytes()
            rest = raw[: int(len(raw) * share)]
            parts[-1].write_bytes(rest)
            # A cut between two blocks leaves a sound part: nobody can see it, and nothing half-written is believed.
            ends = [len(PART_HEADER), *(block.offset + block.size for block in prefix_blocks(raw))]
            visible = len(rest) not in ends
        self.journal = Journal.open(str(self.root))
        lost = {number for number in self.durable if self.journal.get(digest(number)) is None}
        assert bool(self.journal.damage) == visible
        self.durable -= lost
        self.uncertain |= lost

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
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
test_random_histories = JournalUnderFire.TestCase
