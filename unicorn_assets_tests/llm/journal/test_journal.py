"""The journal on local disk: what is stored stays, what is damaged is set aside, many may write."""

import multiprocessing
import os
from pathlib import Path

import pytest

from unicorn_assets.ids import digest
from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import Journal, upkeep
from unicorn_assets.llm.journal.store import INDEX_SUFFIX, PART_SUFFIX
from unicorn_assets.llm.request import Answer


def answer(number: int, text: str | None = None) -> Answer:
    return Answer(digest(number), text or f"text {number} ü", "stop", number, 2, 1, 0.25, 1, "m")


def same(stored: Answer | None, put: Answer) -> bool:
    return stored is not None and (stored.text, stored.prompt_tokens, stored.model) == (
        put.text,
        put.prompt_tokens,
        put.model,
    )


def fill(root: Path, numbers: range) -> None:
    with Journal.open(str(root)) as journal:
        for number in numbers:
            journal.put(answer(number))


def missing(root: Path, numbers: range) -> list[int]:
    with Journal.open(str(root)) as journal:
        return [number for number in numbers if not same(journal.get(digest(number)), answer(number))]


def files(root: Path, suffix: str) -> list[Path]:
    return sorted(path for path in (root / "journal").iterdir() if path.name.endswith(suffix))


def test_answers_are_found_at_once_and_by_the_next_process(tmp_path):
    with Journal.open(str(tmp_path)) as journal:
        for number in range(1000):
            journal.put(answer(number))
            assert same(journal.get(digest(number)), answer(number))
        assert journal.get(digest("unknown")) is None
        journal.flush()
        assert len(journal) == 1000
        assert digest(5) in journal
    assert missing(tmp_path, range(1000)) == []
    with Journal.open(str(tmp_path)) as journal:
        stored = journal.get(digest(7))
        assert stored is not None
        assert stored.from_journal
        assert stored.finish_reason == "stop"


def test_opening_for_reading_writes_nothing(tmp_path):
    with Journal.open(str(tmp_path / "lake")) as journal:
        assert journal.get(digest(1)) is None
    assert not (tmp_path / "lake").exists()


def test_odd_texts_survive(tmp_path):
    texts = ["", "\n\n", "half a pair \ud83d", "🦄" * 9, "x" * 3_000_000, '{"a": "\\u0000"}', "\u2028\x85"]
    with Journal.open(str(tmp_path)) as journal:
        for number, text in enumerate(texts):
            journal.put(Answer(digest(number), text, "stop", 1, 1, 0, 0.1, 1, "m"))
    with Journal.open(str(tmp_path)) as journal:
        assert [journal.get(digest(number)).text for number in range(len(texts))] == texts


@pytest.mark.parametrize("keep", [0, 1, 15, 16, 17, 40, 2000, -1, -40])
def test_a_cut_off_part_is_set_aside_and_the_rest_saved(tmp_path, keep):
    for start in range(0, 200, 10):  # one part, several blocks: flushed groups
        with Journal.open(str(tmp_path)) as journal:
            for number in range(start, start + 10):
                journal.put(answer(number))
                journal.flush()
    upkeep.compact(Journal.open(str(tmp_path))._store, at_least=2)
    (part,) = files(tmp_path, PART_SUFFIX)
    os.truncate(part, keep if keep >= 0 else part.stat().st_size + keep)
    with Journal.open(str(tmp_path)) as journal:
        found = [number for number in range(200) if same(journal.get(digest(number)), answer(number))]
        assert [damage.name for damage in journal.damage] == [part.name]
        assert len(found) == journal.damage[0].answers_saved
    assert [path.name for path in files(tmp_path, ".damaged")] == [part.name + ".damaged"]
    with Journal.open(str(tmp_path)) as journal:  # reported once, then in order
        assert journal.damage == []
        assert all(same(journal.get(digest(number)), answer(number)) for number in found)


def test_a_flipped_byte_loses_one_block_only(tmp_path):
    with Journal.open(str(tmp_path)) as journal:
        for number in range(100):
            journal.put(answer(number))
            journal.flush()
    (part,) = files(tmp_path, PART_SUFFIX)
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 0x40
    part.write_bytes(raw)
    lost = missing(tmp_path, range(100))
    assert len(lost) == 1
    fill(tmp_path, range(lost[0], lost[0] + 1))
    assert missing(tmp_path, range(100)) == []


def test_bytes_that_rot_behind_an_index_are_noticed_when_read(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "INDEX_AT", 50)
    with Journal.open(str(tmp_path)) as journal:
        for number in range(100):
            journal.put(answer(number))
            journal.flush()
    assert len(files(tmp_path, INDEX_SUFFIX)) == 1
    (part,) = files(tmp_path, PART_SUFFIX)
    raw = bytearray(part.read_bytes())
    raw[-3 - upkeep.SEAL_BYTES] ^= 1
    part.write_bytes(raw)
    with Journal.open(str(tmp_path)) as journal:
        assert journal.damage == []
        assert journal.get(digest(99)) is None
        assert journal.damage[0].answers_saved == 99
        assert same(journal.get(digest(98)), answer(98))


@pytest.mark.parametrize("at", [3, 30, 200, -5])
def test_a_damaged_index_is_rebuilt(tmp_path, monkeypatch, at):
    monkeypatch.setattr(upkeep, "INDEX_AT", 50)
    fill(tmp_path, range(100))
    (index,) = files(tmp_path, INDEX_SUFFIX)
    raw = bytearray(index.read_bytes())
    raw[at] ^= 1
    index.write_bytes(raw)
    assert missing(tmp_path, range(100)) == []
    assert index.with_name(index.name + ".damaged").exists()


def test_small_parts_are_merged_and_the_index_follows(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "INDEX_AT", 100)
    for start in range(0, 700, 10):
        fill(tmp_path, range(start, start + 10))
    assert len(files(tmp_path, PART_SUFFIX)) < upkeep.COMPACT_AT
    assert len(files(tmp_path, INDEX_SUFFIX)) == 1
    assert missing(tmp_path, range(700)) == []


def test_compaction_leaves_open_parts_and_readers_alone(tmp_path):
    fill(tmp_path, range(10))
    fill(tmp_path, range(10, 20))
    with Journal.open(str(tmp_path)) as writer, Journal.open(str(tmp_path)) as reader:
        writer.put(answer(100))
        writer.flush()
        assert upkeep.compact(Journal.open(str(tmp_path))._store, at_least=2) == 2
        writer.put(answer(101))
        writer.flush()
        assert all(same(reader.get(digest(number)), answer(number)) for number in range(20))  # its parts are gone
        assert same(writer.get(digest(3)), answer(3))
    assert missing(tmp_path, range(20)) == []
    assert missing(tmp_path, range(100, 102)) == []


def _write(root: str, start: int) -> None:
    fill(Path(root), range(start, start + 300))


def test_several_processes_write_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), start)) for start in range(0, 900, 300)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert missing(tmp_path, range(900)) == []
    assert files(tmp_path, ".damaged") == []


def test_many_answers_in_one_session_stay_compact_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("unicorn_assets.llm.journal.lookup.RECENT_KEYS", 100)
    with Journal.open(str(tmp_path)) as journal:
        for number in range(1000):
            journal.put(answer(number))
        journal.flush()
        assert len(journal._lookup._places) < 200
        assert all(same(journal.get(digest(number)), answer(number)) for number in range(1000))


def test_a_full_disk_is_told_to_whoever_writes(tmp_path, monkeypatch):
    with Journal.open(str(tmp_path)) as journal:
        journal.put(answer(1))
        journal.flush()
        monkeypatch.setattr("os.fdatasync", _no_space)
        journal.put(answer(2))
        with pytest.raises(JournalBroken, match="No space left"):
            journal.flush()
        with pytest.raises(JournalBroken):
            journal.put(answer(3))
        monkeypatch.undo()
        with pytest.raises(JournalBroken):
            journal.close()
    assert missing(tmp_path, range(1, 2)) == []
    assert missing(tmp_path, range(2, 3)) == [2]


def _no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_part_that_was_deleted_is_missed_once(tmp_path):
    fill(tmp_path, range(20))
    fill(tmp_path, range(20, 30))
    (first, second), notes = files(tmp_path, PART_SUFFIX), tmp_path / "journal"
    assert len(files(tmp_path, INDEX_SUFFIX)) == 1  # a small journal's writer leaves an index, too
    first.unlink()
    with Journal.open(str(tmp_path)) as journal:
        assert [(damage.name, damage.answers_gone) for damage in journal.damage] == [(first.name, 20)]
        assert f"{first.name}, or the part that it was merged into, is gone, and 20 of its answers" in str(
            journal.damage[0]
        )
        assert [number for number in range(30) if journal.get(digest(number)) is None] == list(range(20))
    note = notes / f"{first.name}.damaged"
    assert "20 of its answers" in note.read_text()
    note.unlink()  # reported once, also when nobody keeps the note
    with Journal.open(str(tmp_path)) as journal:
        assert journal.damage == []
    assert second.exists()


def test_compaction_removes_parts_without_an_alarm_and_a_power_cut_is_none(tmp_path, monkeypatch):
    for start in range(0, 60, 10):
        fill(tmp_path, range(start, start + 10))
    upkeep.compact(Journal.open(str(tmp_path))._store, at_least=2)  # killed before it renewed the index
    (index,) = files(tmp_path, INDEX_SUFFIX)
    old = index.read_bytes()
    with Journal.open(str(tmp_path)) as journal:
        assert journal.damage == []
        assert len(journal) == 60
    # An index that was written while a part grew does not say how long that part was.
    monkeypatch.setattr(upkeep, "INDEX_AT", 1)
    writer = Journal.open(str(tmp_path))
    writer.put(answer(60))
    writer.flush()
    Journal.open(str(tmp_path)).close()
    assert files(tmp_path, INDEX_SUFFIX)[0].read_bytes() != old
    writer._store.release()
    files(tmp_path, PART_SUFFIX)[-1].unlink()  # its name was never synced
    with Journal.open(str(tmp_path)) as journal:
        assert journal.damage == []
        assert journal.get(digest(60)) is None
    writer._part._name = None
    writer.close()


def test_no_index_can_be_written_and_no_part_merged(tmp_path, monkeypatch, caplog):
    """Answers are safe by then: a full disk costs the order in the folder, not the run."""
    fill(tmp_path, range(10))
    monkeypatch.setattr(upkeep, "COMPACT_AT", 2)
    journal = Journal.open(str(tmp_path))
    journal.put(answer(10))
    journal.flush()
    monkeypatch.setattr("os.fsync", _no_space)
    journal.close()
    assert "No space left" in caplog.text
    monkeypatch.undo()
    assert missing(tmp_path, range(11)) == []
