"""A process that has imported the command line and forks one child per command, so that a command costs no start.

Requests are JSON lines on standard input, outcomes JSON lines on standard output. The child is a process of its own in
a session of its own: exit code, output, environment and memory are those of a fresh `unicorn`, but for imports that are
done: what a first command has imported, all later ones have. Not here: what is run (walk.py).
"""

import atexit
import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from unicorn_assets.llm.endpoints.process_tree import die_with_parent

IMPORTED = (
    "unicorn_assets.cli",
    "unicorn_assets.automation.local_run",
    "duckdb",
    "aiohttp",
    "pyarrow.parquet",
    "safetensors.numpy",
)
BOUND_S, STILL_S, MOVES_CPU_S = 900.0, 60.0, 0.5  # a run waits at most for its patience, which is 4 s
LOOK_S = 0.02


def serve() -> None:
    """Import, say so, then one command after the other until standard input ends, or whoever started it."""
    die_with_parent(int(sys.argv[1]))
    for name in IMPORTED:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    print(json.dumps({"ready": os.getpid()}), file=answers, flush=True)
    nest = os.getpid()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            answers.close()
            become(request, nest)
            return
        outcome = watched(pid)
        learn(Path(request["output"] + ".modules"))
        print(json.dumps(outcome), file=answers, flush=True)


def learn(told: Path) -> None:
    """Import what a child had imported."""
    names = told.read_text().split() if told.exists() else []
    for name in sorted(set(names) - set(sys.modules)):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def become(request: dict[str, Any], nest: int) -> None:
    """In the child: run the command line as `unicorn ARGUMENTS` would, with output to a file."""
    os.setsid()
    die_with_parent(nest)
    sink = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (sink, 1), (sink, 2)):
        os.dup2(source, target)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    own = set(sys.modules)
    atexit.register(lambda: Path(request["output"] + ".modules").write_text(" ".join(set(sys.modules) - own)))
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = ["unicorn", *request["arguments"]]
    if request.get("plain_encoder", True):
        import plain_encoder

        plain_encoder.install()
    from unicorn_assets.cli import main

    main()


def watched(pid: int) -> dict[str, Any]:
    """Wait for a child and look at the memory of its tree. One that stands still, or takes all too long, is killed: it
    hung. Standing still is told by the processor's time, so that a busy machine makes nobody hang.
    """
    started, peaks, hung = time.monotonic(), dict[int, int](), False
    moved_at, moved = started, 0.0
    while True:
        processes = tree(pid)
        for process in processes:
            # Not the largest ever seen: a child between fork and exec shows the memory of its parent.
            peaks[process] = high_water_kb(process) or peaks.get(process, 0)
        done, status = os.waitpid(pid, os.WNOHANG)
        now = time.monotonic()
        if done:
            code = os.waitstatus_to_exitcode(status)
            return {"code": code, "seconds": now - started, "rss_mb": sum(peaks.values()) / 1024, "hung": hung}
        used = sum(cpu_seconds(process) for process in processes)
        if used > moved + MOVES_CPU_S:
            moved_at, moved = now, used
        if (now - moved_at > STILL_S or now - started > BOUND_S) and not hung:
            hung = True
            os.killpg(pid, signal.SIGKILL)
        time.sleep(LOOK_S)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of its ended children, 0 for one that has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with contextlib.suppress(OSError):  # it may end while it is looked at
            for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                waiting += [int(child) for child in task.read_text().split()]
    return found


def high_water_kb(pid: int) -> int:
    """The largest resident size that a living process has had, 0 for one that ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    serve()
