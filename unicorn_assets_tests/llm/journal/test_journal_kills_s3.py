"""Random histories of the journal on an object store (hypothesis), against moto's S3 server in a process of its own.

A kill is what follows the last request that the store carried out: nothing. It falls after any PUT, copy or delete of a
commit, a compaction, a new index or a repair. The model is a dictionary of durable answers, as on local disk.
"""

import contextlib
import secrets
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from unicorn_assets.ids import digest
from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import Journal, growing, upkeep
from unicorn_assets.llm.journal import journal as journal_module
from unicorn_assets.llm.journal.blocks import closed_part, encode_block, encode_line
from unicorn_assets.llm.journal.keytable import read_index
from unicorn_assets.llm.journal.store import INDEX_SUFFIX, PART_SUFFIX, ObjectStore, new_name
from unicorn_assets_tests.llm.journal.test_journal_kills import answer
from unicorn_assets_tests.servers import S3Server


class Killed(BaseException):
    """The process is gone: nothing in it runs on."""


class Faulty:
    """An fsspec file system of which requests fail. `left`: changes that are still carried out before a kill;
    `failing`: PUTs that fail, `stored` says whether after the object was stored; `deaf`: every GET fails.
    """

    def __init__(self, filesystem: Any) -> None:
        self.real = filesystem
        self.left: int | None = None
        self.failing, self.stored, self.deaf = 0, False, False

    def __getattr__(self, name: str) -> Any:
        if self.left == 0:
            raise Killed
        return getattr(self.real, name)

    def _change(self, name: str, *arguments: Any) -> None:
        if self.left == 0:
            raise Killed
        getattr(self.real, name)(*arguments)
        if self.left is not None:
            self.left -= 1

    def pipe_file(self, path: str, data: bytes) -> None:
        if self.failing:
            self.failing -= 1
            if self.stored:
                self._change("pipe_file", path, data)
            raise OSError(5, "We encountered an internal error. Please try again.")
        self._change("pipe_file", path, data)

    def cp_file(self, path: str, to: str) -> None:
        self._change("cp_file", path, to)

    def rm_file(self, path: str) -> None:
        self._change("rm_file", path)

    def cat(self, paths: list[str], on_error: str) -> dict[str, Any]:
        if self.left == 0:
            raise Killed
        if self.deaf and paths:
            error = PermissionError("Access Denied")
            return {path: error for path in paths if on_error != "omit"}
        return dict(self.real.cat(paths, on_error=on_error))


class ObjectJournalUnderFire(RuleBasedStateMachine):
    def __init__(self, server: S3Server, bucket: str) -> None:
        super().__init__()
        self.server, self.bucket, self.prefix = server, bucket, f"{secrets.token_hex(6)}/journal"
        self.filesystem = fsspec.url_to_fs(f"s3://{bucket}", **server.storage_options)[0]
        self.durable: set[int] = set()
        self.uncertain: set[int] = set()
        self.missed: set[str] = set()
        self.next = 0

    @initialize(index_at=st.sampled_from([5, 1000]))
    def start(self, index_at: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(upkeep, "INDEX_AT", index_at)
        self.patch.setattr(growing, "RETRY_S", 0)
        self.patch.setattr(journal_module, "GROUP_SECONDS", 3600)
        self.open()

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.journal.close()
            self.open()
            assert {number for number in range(self.next) if self.found(number)} >= self.durable
            self.journal.close()
            self.patch.undo()

    def open(self) -> None:
        self.store = Faulty(self.filesystem)
        self.journal = Journal(ObjectStore(self.store, f"{self.bucket}/{self.prefix}", "the test's journal"))

    def found(self, number: int) -> bool:
        found = self.journal.get(digest(number))
        assert found is None or found.text == answer(number).text
        return found is not None

    def put(self, count: int) -> set[int]:
        numbers = set(range(self.next, self.next + count))
        self.next += count
        for number in sorted(numbers):
            self.journal.put(answer(number))
        return numbers

    def keys(self, suffix: str) -> list[str]:
        return sorted(key for key in self.server.keys(self.bucket, self.prefix) if key.endswith(suffix))

    def replace(self, key: str, data: bytes) -> None:
        self.filesystem.pipe_file(f"{self.bucket}/{key}", data)

    @rule(count=st.integers(1, 20))
    def put_and_flush(self, count: int) -> None:
        numbers = self.put(count)
        self.journal.flush()
        self.durable |= numbers

    @rule(count=st.integers(1, 20), failing=st.integers(1, 5), stored=st.booleans())
    def puts_fail(self, count: int, failing: int, stored: bool) -> None:
        """Fewer failures than attempts cost nothing; else the run stops, and says so."""
        self.store.failing, self.store.stored = failing, stored
        numbers = self.put(count)
        if failing < growing.PUT_ATTEMPTS:
            self.journal.flush()
            self.durable |= numbers
            return
        self.uncertain |= numbers
        for stop in (self.journal.flush, self.journal.close):
            with pytest.raises(JournalBroken, match="internal error"):
                stop()
        self.open()

    @rule(count=st.integers(1, 20), changes=st.integers(1, 8), compact_at=st.sampled_from([2, 64]))
    def killed(self, count: int, changes: int, compact_at: int) -> None:
        """At its second commit, or while it tidies up; what it had flushed stays."""
        self.journal.close()
        self.open()
        self.store.left = changes
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(upkeep, "COMPACT_AT", compact_at)
            with contextlib.suppress(Killed):
                first = self.put(count)
                self.uncertain |= first
                self.journal.flush()
                self.durable |= first
                second = self.put(1)
                self.uncertain |= second
                self.journal.flush()
                self.durable |= second
                self.journal.close()
        self.store.left = 0
        with contextlib.suppress(Killed):
            self.journal.close()
        self.open()
        assert self.journal.damage == []

    @rule(count=st.integers(1, 20), share=st.floats(0, 0.99), changes=st.integers(0, 4))
    def half_uploaded(self, count: int, share: float, changes: int) -> None:
        """A store that shows what arrived of a PUT, and a kill while that is set aside; S3 shows nothing of it."""
        numbers = range(self.next, self.next + count)
        self.next += count
        self.uncertain.update(numbers)
        block = encode_block([bytes.fromhex(digest(n)) for n in numbers], [encode_line(answer(n)) for n in numbers])
        whole = b"".join(closed_part([block]))
        name = new_name(PART_SUFFIX)
        client = self.server._client()
        hidden = {"Bucket": self.bucket, "Key": f"{self.prefix}/{new_name(PART_SUFFIX)}"}
        upload = client.create_multipart_upload(**hidden)["UploadId"]
        client.upload_part(**hidden, UploadId=upload, PartNumber=1, Body=whole)
        self.replace(f"{self.prefix}/{name}", whole[: int(len(whole) * share)])
        self.journal.close()
        dead = Faulty(self.filesystem)
        dead.left = changes
        with contextlib.suppress(Killed):
            Journal(ObjectStore(dead, f"{self.bucket}/{self.prefix}", "the test's journal"))
        self.open()
        left = [f"{self.prefix}/{name}.damaged"]
        assert [key for key in self.keys(".damaged") if name in key] == left
        assert {damage.name for damage in self.journal.damage} <= {name}

    @precondition(lambda self: self.keys(PART_SUFFIX))
    @rule(share=st.floats(0, 0.99), opened=st.booleans())
    def lost_tail(self, share: float, opened: bool) -> None:
        """An object was replaced by its beginning, maybe while a journal over it is open and has nothing in memory."""
        if not opened:
            self.journal.close()
        part = self.keys(PART_SUFFIX)[-1]
        raw = self.server.read(self.bucket, part)
        self.replace(part, raw[: int(len(raw) * share)])
        if not opened:
            self.open()
            assert [damage.name for damage in self.journal.damage] == [part.rsplit("/", 1)[1]]
        self.journal._lookup._cache.clear()
        self.forget_lost()
        if opened:  # nobody asked for what was cut off: it is noticed when the journal is opened again
            self.journal.close()
            self.open()
            assert {damage.name for damage in self.journal.damage} <= {part.rsplit("/", 1)[1]}
            self.forget_lost()

    @precondition(lambda self: self.keys(PART_SUFFIX))
    @rule(which=st.integers(0, 3))
    def deleted(self, which: int) -> None:
        """A whole part is gone: what an index knew of it is missed, once, by the name under which the index knew it: a
        part that was merged into this one since is the one that is told.
        """
        self.journal.close()
        parts, indexes = self.keys(PART_SUFFIX), self.keys(INDEX_SUFFIX)
        part = parts[which % len(parts)]
        name = part.rsplit("/", 1)[1]
        indexed = set(read_index(self.server.read(self.bucket, indexes[-1])).parts) if indexes else set()
        merged = indexed - {key.rsplit("/", 1)[1] for key in parts}
        self.filesystem.rm_file(f"{self.bucket}/{part}")
        self.open()
        lost = self.forget_lost()
        told = {damage.name: damage.answers_gone for damage in self.journal.damage}
        assert set(told) <= ({name} & indexed) | merged
        if name in indexed and lost:
            assert told[name] >= len(lost)
        assert not self.missed & set(told)
        self.missed |= set(told)
        for each in told:
            assert f"{self.prefix}/{each}.damaged" in self.keys(".damaged")

    @precondition(lambda self: self.keys(PART_SUFFIX) and not self.keys(INDEX_SUFFIX))
    @rule()
    def unreadable(self) -> None:
        """Objects that cannot be read are no reason to ask for their answers again, nor to look for ever."""
        deaf = Faulty(self.filesystem)
        deaf.deaf = True
        with pytest.raises(JournalBroken, match="Access Denied"):
            Journal(ObjectStore(deaf, f"{self.bucket}/{self.prefix}", "the test's journal"))

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.open()
        assert self.journal.damage == []

    def forget_lost(self) -> set[int]:
        lost = {number for number in self.durable if not self.found(number)}
        self.durable -= lost
        self.uncertain |= lost
        return lost

    @invariant()
    def everything_durable_is_there_and_nothing_else(self) -> None:
        if not hasattr(self, "patch"):
            return
        there = {number for number in range(self.next + 1) if digest(number) in self.journal}
        assert self.durable <= there <= self.durable | self.uncertain
        assert all(self.found(number) for number in sorted(self.durable)[-3:])


def test_answers_whose_merged_part_is_gone_are_told_by_the_name_that_the_index_knew(s3_server: S3Server) -> None:
    bucket = f"lake-{secrets.token_hex(4)}"
    s3_server.make_bucket(bucket)
    history = ObjectJournalUnderFire(s3_server, bucket)
    history.start(index_at=1000)
    history.put_and_flush(count=7)
    history.killed(changes=4, compact_at=2, count=4)
    history.deleted(which=3)
    history.deleted(which=3)
    assert [damage.answers_gone for damage in history.journal.damage] == [7]
    history.teardown()


def test_random_histories(s3_server: S3Server) -> None:
    bucket = f"lake-{secrets.token_hex(4)}"
    s3_server.make_bucket(bucket)
    run_state_machine_as_test(
        lambda: ObjectJournalUnderFire(s3_server, bucket),
        settings=settings(
            max_examples=15,
            stateful_step_count=8,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
