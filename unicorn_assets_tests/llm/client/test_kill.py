"""kill -9 of a whole process: the journal keeps every answer but those in flight, and no server is left behind."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from unicorn_assets_tests.llm.client.test_engine import accepted, run
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import rows

CLIENT = """
import sys
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.journal import Journal
from unicorn_assets_tests.llm.rows import rows, settings_for
settings = settings_for(sys.argv[1])
with Journal.open(sys.argv[2]) as journal, open_endpoint(settings) as endpoint:
    for outcome in generate(rows(2000), endpoint, journal, settings):
        print(outcome.row_id, flush=True)
"""


@pytest.mark.parametrize("after", [1, 150, 700])
def test_only_what_was_in_flight_is_asked_again(tmp_path, after):
    with FaultyServer(latency=0.005) as server:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, server.url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        finished = {int(client.stdout.readline().split("-")[1]) for _ in range(after)}
        client.kill()
        finished |= {int(line.split("-")[1]) for line in client.stdout if line.endswith("\n")}
        client.wait()
        client.stdout.close()
        first = Counter(server.asked)
        assert accepted(run(tmp_path, server, rows(2000))) == list(range(2000))
        assert all(server.asked[number] == 1 for number in finished)
        assert sum((server.asked - first)[number] > 0 for number in first) <= 16


PARENT = """
import sys, time
from pathlib import Path
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.settings import LlmSettings
with open_endpoint(LlmSettings(slots=2, context=256), Path(sys.argv[1])) as endpoint:
    print(*(child.pid for child in endpoint._children), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_embedded_servers_never_outlive_their_parent(tmp_path: Path, kill: signal.Signals):
    pytest.importorskip("xllamacpp")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert parent.stdout is not None
    servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(servers) == 2
    assert all(server.is_running() for server in servers)
    os.kill(parent.pid, kill)
    parent.wait(20)
    for server in servers:
        server.wait(20)
    for pipe in (parent.stdin, parent.stdout):
        assert pipe is not None
        pipe.close()


def test_ctrl_c_keeps_every_finished_answer(tmp_path):
    with FaultyServer(latency=0.005) as server:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, server.url, str(tmp_path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert client.stdout is not None
        finished = {int(client.stdout.readline().split("-")[1]) for _ in range(100)}
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=20)
        assert "KeyboardInterrupt" in errors
        assert accepted(run(tmp_path, server, rows(2000))) == list(range(2000))
        assert all(server.asked[number] == 1 for number in finished)
        assert server.requests <= 2000 + 16
