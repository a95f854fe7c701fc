"""The endpoint that starts `vllm serve`: no process outlives anything, restarts have a bound, errors say why.

A stand-in plays the program, for it is the tree of processes that is tested here; `make test-vllm` runs the real one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import open_endpoint, vllm
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets_tests.llm.rows import rows

STAND_IN = Path(__file__).with_name("vllm_stand_in.py")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promises to subreapers are Linux's")


class Machine:
    """A folder with the program, and what its starts left behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "vllm"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        self.program.chmod(0o755)
        self.starts("healthy")

    def starts(self, *how: str) -> None:
        (self.folder / "starts").write_text("\n".join(how))

    def endpoint(self, max_restarts: int = 3, **options):
        options = {"start_timeout_s": 90} | options
        settings = LlmSettings(endpoint="vllm", model="some/model", max_restarts=max_restarts, vllm=options)
        return open_endpoint(settings, self.folder / "logs")

    def started(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "started").read_text().splitlines()]

    def pids(self, start: int = -1) -> list[int]:
        """Server and workers of one start."""
        starts = (self.folder / "pids").read_text().splitlines()
        return [int(pid) for pid in starts[start].split()] if starts else []  # it may be just about to be written


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setenv("UNICORN_VLLM", str(machine.program))
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    yield machine
    for start in range(len((tmp_path / "pids").read_text().splitlines()) if (tmp_path / "pids").exists() else 0):
        for pid in filter(alive, machine.pids(start)):  # only after a failed test
            os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def until(condition, seconds: float = 60.0) -> bool:
    """Whether `condition` comes true within a bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def all_gone(pids) -> bool:
    return until(lambda: not any(map(alive, pids)))


def revived(endpoint) -> str:
    """The address after a restart; the launcher needs a moment to notice that the server is gone."""
    found: list[str] = []
    assert until(lambda: found.append(endpoint.revive(endpoint.base_url)) or found[-1] is not None)
    return found[-1]


def test_it_starts_the_recipes_command_and_leaves_nothing(machine):
    with machine.endpoint(
        flags=["--max-num-seqs", 64], tensor_parallel_size=2, environment={"VARIABLE": 7}
    ) as endpoint:
        pids = machine.pids()
        assert all(map(alive, pids))
        (started,) = machine.started()
        port = endpoint.base_url.removeprefix("http://127.0.0.1:").removesuffix("/v1")
        said = " ".join(started["arguments"])
        assert said.startswith("serve some/model --served-model-name some/model --host 127.0.0.1")
        assert f"--port {port} --dtype auto --tensor-parallel-size 2" in said
        assert said.endswith("--max-num-seqs 64")
        assert started["variable"] == "7"
    assert not any(map(alive, pids))
    endpoint.stop()


def test_an_early_end_shows_the_line_that_says_why(machine):
    machine.starts("broken")
    with pytest.raises(UserError, match=r"ready: ValueError: World size \(4\) is larger") as error, machine.endpoint():
        pass
    assert str(machine.folder / "logs") in error.value.hint


def test_a_server_that_never_gets_healthy_is_ended(machine, monkeypatch):
    machine.starts("never")
    logs = machine.folder / "logs"

    def clock() -> float:
        """Jumps as soon as the server has said something."""
        return 1e6 if any("loading" in log.read_text() for log in logs.glob("*.log")) else 0.0

    monkeypatch.setattr(vllm, "time", SimpleNamespace(monotonic=clock))
    with pytest.raises(UserError, match="not ready within 30 s; it said last: loading the model") as error:
        machine.endpoint(start_timeout_s=30).start()
    assert "start_timeout_s" in error.value.hint
    assert not any(map(alive, machine.pids()))


def test_it_is_restarted_within_its_bound_and_the_old_workers_end_first(machine):
    with machine.endpoint(max_restarts=1) as endpoint:
        assert endpoint.revive(endpoint.base_url) == endpoint.base_url
        os.kill(machine.pids()[0], signal.SIGKILL)
        assert revived(endpoint) == endpoint.base_url
        assert len(machine.started()) == 2
        assert not any(map(alive, machine.pids(0)))
        assert all(map(alive, machine.pids(1)))
        os.kill(machine.pids()[0], signal.SIGKILL)
        with pytest.raises(UserError, match="vLLM died 2 times; last: unicorn: vLLM was ended by SIGKILL"):
            revived(endpoint)
    assert not any(map(alive, machine.pids()))


def test_a_sick_server_is_restarted(machine):
    with machine.endpoint() as endpoint:
        (machine.folder / "sick").touch()
        machine.starts("healthy", "never")
        again = threading.Thread(target=endpoint.revive, args=[endpoint.base_url])
        again.start()
        assert until(lambda: len((machine.folder / "pids").read_text().splitlines()) == 2)
        assert not any(map(alive, machine.pids(0)))
        endpoint.give_up()
        again.join(60)
        assert not again.is_alive()
        assert not any(map(alive, machine.pids(1)))


@LINUX
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_launcher_leaves_no_process_of_its_session(machine, kill):
    with machine.endpoint() as endpoint:
        server, worker, _ = machine.pids()
        os.kill(endpoint._process.pid, kill)
        assert all_gone([server, worker])
        assert revived(endpoint) == endpoint.base_url


PARENT = """
import sys
from pathlib import Path
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.settings import LlmSettings
with open_endpoint(LlmSettings(endpoint="vllm", model="some/model"), Path(sys.argv[1])) as endpoint:
    print(endpoint.base_url, flush=True)
    sys.stdin.read()
"""


@LINUX
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("how", ["healthy", "never"])
def test_nothing_outlives_its_parent(machine, kill, how):
    machine.starts(how)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(machine.folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert until(lambda: (machine.folder / "pids").exists() and machine.pids())
        if how == "healthy":
            assert parent.stdout.readline().startswith(b"http")
        pids = machine.pids()
        session = os.getsid(pids[0])
        assert session != os.getsid(0)
        parent.send_signal(kill)
        parent.wait(60)
        assert all_gone(pids)
        assert all_gone([session])
    finally:
        parent.kill()
        parent.communicate()


def test_a_run_goes_on_after_a_crash_however_long_the_restart_takes(machine, tmp_path):
    machine.starts("healthy", "slow")
    with machine.endpoint() as endpoint, Journal.open(str(tmp_path / "lake")) as journal:
        settings = endpoint._settings.model_copy(update={"patience_s": 0.5, "concurrency": 8})
        outcomes = []
        for outcome in generate(rows(60), endpoint, journal, settings):
            outcomes.append(outcome)
            if len(outcomes) == 20:
                os.kill(machine.pids(0)[0], signal.SIGKILL)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 60
    assert len(machine.started()) == 2


def test_a_missing_program_is_named(monkeypatch, tmp_path):
    endpoint = open_endpoint(LlmSettings(endpoint="vllm", model="some/model"), tmp_path)
    monkeypatch.setenv("UNICORN_VLLM", str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="UNICORN_VLLM"):
        endpoint.start()
    monkeypatch.delenv("UNICORN_VLLM")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UserError, match="no program `vllm`") as error:
        endpoint.start()
    assert "unicorn-assets[vllm]" in error.value.hint
