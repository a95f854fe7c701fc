"""One way to replace a file: whole or not at all, with or without nameless files, leaving nothing behind."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from unicorn_assets import atomic
from unicorn_assets.atomic import replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from unicorn_assets.atomic import replacing

with replacing(Path(sys.argv[1])) as file:
    file.write(b"n" * 100_000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(params=["nameless", "named"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def test_the_new_file_is_there_when_the_block_ends_and_not_before(how: str, tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    before = os.umask(0o027)
    try:
        with replacing(target) as file:
            file.write(b"newer")
            file.seek(0)
            assert file.read() == b"newer"
            assert target.read_bytes() == b"old"
            os.pwrite(file.fileno(), b"N", 0)
    finally:
        os.umask(before)
    assert target.read_bytes() == b"Newer"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("fault", ["block", "os.fsync", "pathlib.Path.replace"])
def test_a_failure_leaves_the_old_file_alone(
    how: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "no space")

    if fault != "block":
        monkeypatch.setattr(fault, fail)

    def attempt() -> None:
        with replacing(target) as file:
            file.write(b"new")
            if fault == "block":
                fail()

    opened = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="no space"):
        attempt()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    died = subprocess.run([sys.executable, "-c", KILLED, str(target)], timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    left = [path.name for path in tmp_path.iterdir() if path != target]
    # Only where the file system has files without a name does nothing stay behind; what stays is hidden.
    assert left == [] if _nameless(tmp_path) else [name.startswith(".") for name in left] == [True]


def _nameless(folder: Path) -> bool:
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except (OSError, AttributeError):
        return False
    return True


def test_a_file_system_without_nameless_files_is_written_to_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuses(path: object, flags: int, mode: int = 0o777, **more: object) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, mode, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(atomic.os, "open", refuses)
    with replacing(tmp_path / "x") as file:
        file.write(b"new")
        assert [path.name.endswith(".writing") for path in tmp_path.iterdir()] == [True]
    assert (tmp_path / "x").read_bytes() == b"new"
