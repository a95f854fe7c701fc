"""Ending a server together with everything it started, whoever died first.

A managed server gets a session of its own, whose id is the process id of its launcher. Here: finding and ending the
processes of a session, and two promises of the Linux kernel. Not here: when that has to happen (vllm_server.py).
Where there is no /proc, a session is taken to be its leader's process group.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # options of prctl(2)
_PROC = Path("/proc/self/stat").exists()


def end_session(session: int, spare: Collection[int] = (), patience_s: float = 10.0) -> bool:
    """Kill the processes of `session` except the caller and `spare`, again until none is left; False when some stay.

    A process that is stuck in the kernel (a driver call) can outlast `patience_s`; it dies when that call returns.
    """
    if not _PROC:
        if os.getpgrp() != session:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(session, signal.SIGKILL)
        return True
    deadline = time.monotonic() + patience_s
    while members := set(session_members(session)) - {os.getpid(), *spare}:
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def session_members(session: int) -> list[int]:
    """Living processes of `session`; asked by its leader, also those that it adopted from another session."""
    asked_by_leader = os.getpid() == session
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # Fields after the name, which may hold blanks and brackets: state, parent, group, session.
            state, parent, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        adopted = asked_by_leader and int(parent) == session
        if state not in "ZX" and (int(its_session) == session or adopted):
            found.append(int(entry.name))
    return found


def adopt_orphans() -> None:
    """From now on processes below this one that lose their parent become its children, not init's. Linux only."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Called in a new child: the kernel kills it when the thread of `parent` that started it ends. Linux only."""
    _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
