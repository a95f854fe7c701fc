from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.lake.files import Files
from unicorn_assets.lake.store import Lake


def test_what_is_written_is_read(lake: Lake) -> None:
    files = lake.files
    assert not files.exists("a/b.txt")
    files.write("a/b.txt", b"one")
    files.write("a/b.txt", b"two!")
    files.write("a/c.txt", b"")
    files.write("a/.hidden", b"x")
    files.write("a/deeper/d.txt", b"x")
    assert files.read("a/b.txt") == b"two!"
    assert files.size("a/b.txt") == 4
    assert files.names("a", ".txt") == ["b.txt", "c.txt"]
    assert files.names("a") == ["b.txt", "c.txt", "deeper"]
    assert files.names("nowhere") == []


def test_missing_files_and_removal(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError):
        lake.files.read("a/b.txt")
    lake.files.remove("a/b.txt")
    lake.files.remove_folder("a")
    for name in ("a/b.txt", "a/c/d.txt", "ab.txt"):
        lake.files.write(name, b"x")
    lake.files.remove("a/b.txt")
    assert not lake.files.exists("a/b.txt")
    lake.files.remove_folder("a")
    assert not lake.files.exists("a/c/d.txt")
    assert lake.files.exists("ab.txt")


def test_a_failing_block_leaves_the_old_file(lake: Lake) -> None:
    lake.files.write("a/b.txt", b"old")
    with pytest.raises(TypeError), lake.files.writing("a/b.txt") as file:
        file.writelines([b"new, but not all of it", None])
    assert lake.files.read("a/b.txt") == b"old"
    assert lake.files.names("a") == ["b.txt"]


def test_another_process_is_seen_at_once(lake: Lake) -> None:
    lake.files.write("a/b.txt", b"old")
    other = Files(lake.url)
    assert other.names("a") == ["b.txt"]
    lake.files.write("a/b.txt", b"newer")
    lake.files.write("a/c.txt", b"1")
    assert (other.read("a/b.txt"), other.size("a/b.txt"), other.exists("a/c.txt")) == (b"newer", 5, True)
    assert other.names("a") == ["b.txt", "c.txt"]


def test_a_broken_upload_leaves_the_old_object(s3_url: str) -> None:
    files = Lake(s3_url).files
    old, new = b"old" * 10, bytes(101 << 20)  # just large enough for an upload in parts
    files.write("big.bin", old)
    real, calls = files.fs._call_s3, []

    async def breaks_before_the_end(method, *args, **kwargs):
        calls.append(method)
        if method == "complete_multipart_upload":
            raise OSError("connection lost")
        return await real(method, *args, **kwargs)

    with (
        mock.patch.object(files.fs, "_call_s3", breaks_before_the_end),
        pytest.raises(OSError, match="connection lost"),
        files.writing("big.bin") as file,
    ):
        file.write(new)
    assert calls[-1] == "abort_multipart_upload"
    assert files.read("big.bin") == old
    files.write("big.bin", new)
    assert files.size("big.bin") == len(new)


def _broken(fault: str | None) -> AbstractContextManager[object]:
    return mock.patch(FAULTS[fault], side_effect=OSError(28, "no space")) if fault in FAULTS else nullcontext()


FAULTS = {"fsync": "os.fsync", "rename": "pathlib.Path.replace", "permissions": "pathlib.Path.chmod"}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.binary(max_size=50), st.sampled_from([None, "block", *FAULTS])), max_size=8))
def test_readers_see_the_last_write_that_did_not_fail(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bytes, str | None]]
) -> None:
    files = Files(str(tmp_path_factory.mktemp("lake")))
    expected = None
    for data, fault in writes:
        try:
            with _broken(fault), files.writing("t/x") as file:
                file.write(data)
                if fault == "block":
                    raise OSError("stopped")
            expected = data
        except OSError:
            assert fault
        assert files.names("t") == ([] if expected is None else ["x"])
        assert expected is None or files.read("t/x") == expected
        assert not [name for name in Path(files.path("t")).iterdir() if name.name.startswith(".")]


def test_an_unknown_kind_of_place_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="cannot open nosuch://bucket"):
        Files("nosuch://bucket/x")
