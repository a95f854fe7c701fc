"""What the machine refuses is one line and exit code 2, nothing is lost; a home that was copied works on its own."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3fs
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.errors import MachineError, UserError, machine_error, store_error
from unicorn_assets.home import find_home, remember
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets_tests.finished import records_in_memory
from unicorn_assets_tests.plan.server import Scripted, write_recipe
from unicorn_assets_tests.small_lake import fill

PARTS = (("seeds", "caption_drafts", "near_duplicates", "captions"),)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scripted]:
    monkeypatch.setattr("unicorn_assets.automation.local_run.PARTS", PARTS)
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    with Scripted() as server:
        write_recipe(tmp_path, server.url, rows=40)
        yield server


def unicorn(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(home)], env={"COLUMNS": "300"})


def said_once(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert "fault of the program" not in result.output
    lines = [line for line in result.output.splitlines() if words in line]
    assert len(lines) == 1, result.output


def a_file_as_home(home: Path) -> None:
    home.write_text("x")


def a_dangling_link_as_home(home: Path) -> None:
    home.symlink_to(home.parent / "nowhere")


def a_file_as_lake(home: Path) -> None:
    home.mkdir()
    (home / "lake").write_text("x")


def a_file_as_tables(home: Path) -> None:
    (home / "lake").mkdir(parents=True)
    (home / "lake" / "tables").write_text("x")


def a_file_as_dagster(home: Path) -> None:
    home.mkdir()
    (home / "dagster").write_text("x")


def a_file_as_journal(home: Path) -> None:
    (home / "lake").mkdir(parents=True)
    (home / "lake" / "journal").write_text("x")


PLACES = (
    a_file_as_home, a_dangling_link_as_home, a_file_as_lake, a_file_as_tables, a_file_as_dagster, a_file_as_journal,
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_what_lies_in_the_way_is_named(tmp_path: Path, server: Scripted, place: Callable[[Path], None]) -> None:
    home = tmp_path / "home"
    place(home)
    result = unicorn(home, "run", "--recipe", str(tmp_path / "recipe.yaml"))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert "fault of the program" not in result.output


def test_too_long_a_path_is_named(tmp_path: Path, server: Scripted) -> None:
    said_once(unicorn(tmp_path / ("n" * 300), "run", "--recipe", str(tmp_path / "recipe.yaml")), "File name too long")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_refuses_ends_the_run_in_one_line_and_loses_nothing(
    tmp_path: Path, server: Scripted, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    home, recipe = tmp_path / "home", str(tmp_path / "recipe.yaml")
    real = os.fsync

    def refuses(descriptor: int) -> None:
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if "tables/caption_drafts" in name:
            raise OSError(code, os.strerror(code), name)
        real(descriptor)

    with records_in_memory():
        monkeypatch.setattr(os, "fsync", refuses)
        result = unicorn(home, "run", "--recipe", recipe)
        said_once(result, os.strerror(code))
        asked = server.calls
        monkeypatch.setattr(os, "fsync", real)
        again = unicorn(home, "run", "--recipe", recipe)
    assert "caption_drafts" in again.output
    assert set(server.messages.values()) == {1}, "what was answered is in the journal"
    assert server.calls >= asked > 0


def test_the_refusal_is_found_wherever_it_hides() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/lake/x")
    told = machine_error(full)
    assert told is not None
    assert told.message == "No space left on device: /lake/x"
    broken = JournalBroken("The journal cannot be written", "free disk space")
    broken.__cause__ = full
    kept = machine_error(broken)
    assert isinstance(kept, MachineError)
    assert kept.message == "The journal cannot be written"
    assert machine_error(UserError("no such shard")) is None
    assert store_error(UserError("no such shard")) is None
    assert machine_error(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert machine_error(ValueError("embedded null byte")) is not None


@pytest.mark.parametrize("mask", [0o002, 0o027, 0o077])
def test_files_are_for_whom_the_umask_says(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        fill(Lake(str(tmp_path / "lake")))
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~mask}


def test_a_copied_home_works_on_its_own_lake(tmp_path: Path, server: Scripted) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    unicorn(first, "run", "--recipe", str(tmp_path / "recipe.yaml"))
    asked = server.calls
    assert asked
    shutil.copytree(first, second)
    files = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert find_home(str(second)).lake_url == str(second / "lake")
    result = unicorn(second, "run")
    assert server.calls == asked, result.output
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == files
    shutil.rmtree(first)
    assert unicorn(second, "status").exit_code == 0
    unicorn(second, "run")
    assert server.calls == asked
    assert not first.exists()


def test_a_copied_home_of_before_does_not_write_to_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNICORN_LAKE", raising=False)
    for name in ("a", "b"):
        (tmp_path / name / "lake").mkdir(parents=True)
        (tmp_path / name / "last-run").write_text(f"recipe={tmp_path}/r.yaml\nlake={tmp_path}/a/lake\n")
    assert find_home(str(tmp_path / "b")).lake_url == str(tmp_path / "b" / "lake")
    remember(find_home(str(tmp_path / "b"), lake=str(tmp_path / "elsewhere")))
    assert find_home(str(tmp_path / "b")).lake_url == str(tmp_path / "elsewhere")


@pytest.mark.parametrize("command", ["status", "verify", "show captions", "verify s3://nobody-s/release"])
def test_a_lake_on_s3_without_keys_is_no_fault_of_the_program(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    place = ("--home", str(tmp_path / "home"), "--lake", "s3://nobody-s/lake")
    found = CliRunner().invoke(app, [*command.split(), *place])
    assert found.exit_code == 2, found.output
    assert "the object store cannot be used: Unable to locate credentials" in " ".join(found.output.split())
    assert "AWS_ACCESS_KEY_ID" in found.output


def test_an_address_that_is_none_is_the_user_s_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "something")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    s3fs.S3FileSystem.clear_instance_cache()  # one of the tests before knows other keys
    found = CliRunner().invoke(app, ["status", "--home", str(tmp_path / "home"), "--lake", "s3://nobody-t/lake"])
    assert found.exit_code == 2, found.output
    assert "the object store cannot be used: Invalid endpoint: nonsense" in " ".join(found.output.split())
