"""SIGTERM always ends a command, with all that it started, whatever it is at; the next run goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unicorn_assets_tests.plan.server import IN_FLIGHT, Scripted, write_recipe

BOUND_S = 60  # of the wait; a busy machine gives a process seconds late what it asks for

START = """
import signal, subprocess, sys, threading, time
from unicorn_assets import ending
ending.ASK_AGAIN_S, ending.GRACE_S = 0.7, 2.0  # else most of the time goes by in waiting for them
ending.ends_when_told()
child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(child.pid, flush=True)
"""
HOLDS = {
    "a wait without end": "threading.Event().wait()",
    "a thread that never ends": """
thread = threading.Thread(target=time.sleep, args=(1000,))
thread.start()
thread.join()""",
    "Dagster between its steps": """
from dagster._utils.interrupts import capture_interrupts
with capture_interrupts():
    while True:
        time.sleep(0.05)""",
    "code that swallows everything": """
while True:
    try:
        time.sleep(0.05)
    except BaseException:
        pass""",
}


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("hold", HOLDS)
def test_a_process_that_is_told_to_end_is_gone_with_its_children(hold: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", START + HOLDS[hold]], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(BOUND_S) in (-signal.SIGINT, 130), "the first is how the interpreter ends when interrupted"
        if process.returncode == 130:
            assert is_gone(child)
    finally:
        process.kill()
        process.stdout.close()
        if not is_gone(child):
            os.kill(child, signal.SIGKILL)


FOLLOWS = """
import multiprocessing, subprocess, sys, time
from unicorn_assets.ending import ends_with_its_parent

def follow(told):
    ends_with_its_parent()
    ends_with_its_parent()
    told.put((multiprocessing.current_process().pid, subprocess.Popen(["sleep", "1000"]).pid))
    time.sleep(1000)

if __name__ == "__main__":
    ends_with_its_parent()
    start = multiprocessing.get_context(sys.argv[1])
    told = start.Queue()
    start.Process(target=follow, args=(told,)).start()
    print(*told.get(), flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_dagster_starts_ends_with_whoever_started_it(method: str, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(FOLLOWS)
    with subprocess.Popen([sys.executable, str(tmp_path / "parent.py"), method], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert not [pid for pid in pids if is_gone(pid)]
        parent.kill()
    until = time.monotonic() + BOUND_S
    while [pid for pid in pids if not is_gone(pid)] and time.monotonic() < until:
        time.sleep(0.05)
    assert [is_gone(pid) for pid in pids] == [True, True]


QUERY = """
import duckdb, sys
from unicorn_assets.cli import app, main
@app.command("ask")
def ask():
    print("asking", flush=True)
    duckdb.sql("SELECT sum(sqrt(a.i * b.i)) FROM range(10000000) a(i), range(10000000) b(i)").fetchall()
sys.argv = ["unicorn", "ask"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_that_comes_out_as_another_error_is_no_fault_of_the_program(number: signal.Signals) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", QUERY], **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        time.sleep(0.5)
        process.send_signal(number)
        _, said = process.communicate(timeout=BOUND_S)
    assert process.returncode == 130, said
    assert said.startswith("interrupted; everything finished is kept")


RUN = """
import sys
from unicorn_assets.automation import local_run
from unicorn_assets.cli import main
local_run.PARTS = (("seeds", "caption_drafts", "near_duplicates", "captions"),)
sys.argv = ["unicorn", *sys.argv[1:]]
main()
"""


def test_a_run_ends_whenever_it_is_told_and_the_next_goes_on(tmp_path: Path) -> None:
    draw = random.Random(5)
    with Scripted() as server:
        write_recipe(tmp_path, server.url)
        recipe, home = str(tmp_path / "recipe.yaml"), str(tmp_path / "home")
        command = [sys.executable, "-c", RUN, "run", "--recipe", recipe, "--home", home]
        endings = int(os.environ.get("UNICORN_TEST_ENDINGS", "2"))
        for number in range(endings):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if number % 2:
                time.sleep(draw.uniform(0, 6))
            else:  # amid its questions, or wherever it is when they have been asked
                until = server.calls + draw.randint(1, 60)
                while process.poll() is None and server.calls < until:
                    time.sleep(0.01)
                time.sleep(draw.uniform(0, 1))
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=BOUND_S)
            assert process.returncode in (0, 130, -signal.SIGTERM), said
            assert "Traceback" not in said
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        again = server.messages.total() - len(server.messages)
        assert again <= IN_FLIGHT * endings, "no question is asked twice but those that were on their way"
