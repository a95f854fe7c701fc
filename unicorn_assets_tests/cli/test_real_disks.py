"""A file system that is really full, and one that may only be read: one error, exit code 2, nothing lost.

The disks are mounts of tmpfs, so these tests need root; they are left out with a reason elsewhere.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from unicorn_assets_tests.cli.test_ending import RUN
from unicorn_assets_tests.cli.test_machine_errors import unicorn
from unicorn_assets_tests.plan.server import Scripted, write_recipe

FREE_AGAIN = 8  # requests that may have been on their way, as llm.concurrency says
LOOKS = (("status",), ("show", "captions"), ("quarantine",), ("verify",))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("left out: a real full disk: there is no command `mount`")
    if made.returncode:
        pytest.skip(f"left out: a real full disk: tmpfs cannot be mounted here ({made.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class Filling(Scripted):
    """Its answers come slowly enough that the disk can be filled between them, behind the request number `at`."""

    disk, at, leave = Path(), -1, 0

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self.calls == self.at:
            self.at = -1
            fill(self.disk, self.leave)
        return await super()._chat(request)


def fill(disk: Path, leave: int) -> None:
    """Leave so many bytes free."""
    found = os.statvfs(disk)
    with (disk / "ballast").open("wb") as file:
        file.write(b"x" * max(0, found.f_bavail * found.f_frsize - leave))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: Path) -> Iterator[Filling]:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    with Filling() as server:
        server.disk = disk
        write_recipe(tmp_path, server.url, rows=60)
        yield server


def run(home: Path, recipe: str) -> "subprocess.CompletedProcess[str]":
    """`unicorn run` in a process of its own: what Dagster cannot write down of a run counts as going on as long as its
    process lives.
    """
    command = [sys.executable, "-c", RUN, "run", "--recipe", recipe, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """One error in words, and exit code 2. Dagster's own lines may stand before it."""
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "Traceback" not in said
    assert "fault of the program" not in said
    (line,) = [line for line in said.splitlines() if line.startswith(("error ", "failed "))]
    assert any(word in line for word in words), line


@pytest.mark.parametrize(("at", "leave"), [(0, 0), (0, 600_000), (40, 0)])
def test_a_full_disk_loses_nothing_and_with_room_again_the_run_goes_on(
    tmp_path: Path, disk: Path, server: Filling, at: int, leave: int
) -> None:
    home, recipe = disk / "home", str(tmp_path / "recipe.yaml")
    if at:
        server.at, server.leave = at, leave
    else:
        fill(disk, leave)
    done = run(home, recipe)
    refused(done, "No space left on device", "cannot be written")
    assert (server.calls > 0) == (at > 0)
    for look in LOOKS:
        found = unicorn(home, *look)
        assert found.exit_code == 0, (look, found.output)
        assert "damaged" not in found.output.replace("never verified", "")
    (disk / "ballast").unlink()
    again = run(home, recipe)
    assert again.returncode == 0, again.stdout + again.stderr
    assert sum(count - 1 for count in server.messages.values()) <= FREE_AGAIN
    assert unicorn(home, "verify").exit_code == 0


def test_a_disk_that_may_only_be_read_can_be_looked_at(tmp_path: Path, disk: Path, server: Filling) -> None:
    home, recipe = disk / "home", str(tmp_path / "recipe.yaml")
    assert run(home, recipe).returncode == 0
    asked = server.calls
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    refused(run(home, recipe), "Read-only file system")
    for look in LOOKS:
        found = unicorn(home, *look)
        assert found.exit_code == 0, (look, found.output)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert run(home, recipe).returncode == 0
    assert server.calls == asked
