"""A command that is told to end, ends: SIGTERM and Ctrl-C first ask, and after some seconds the process is gone.

Asking is an exception in the main thread, so that what is open is closed well. It can be lost: Dagster takes both
signals while it works between steps and forgets them, and what a garbage collection raises nobody sees. So a thread of
its own reads every signal from a pipe that the interpreter's own handler writes to, whoever else has taken the signal,
asks once more, and then ends the process with all that it started. It can also come out as another error, such as
DuckDB's "Query interrupted": `told_to_end` says what that means. Whatever was finished is on the disk by then, as
after kill -9. A process that Dagster started for a run or a step ends with the one that started it: nobody else would
end it, and it would ask on beside the run that takes its place. Not here: what is closed on the way, or servers that
outlive their parent (llm/endpoints).
"""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType

ASK_AGAIN_S = 2.5
GRACE_S = 7.0
INTERRUPTED = 130
_TOLD = frozenset((signal.SIGINT, signal.SIGTERM))
_asked = threading.Event()
_followers: set[int] = set()  # a fork knows those of before


def ends_when_told() -> None:
    """From now on SIGTERM means what Ctrl-C means, and neither is ever ignored. Called once, in the main thread."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in _TOLD:
        signal.signal(number, _interrupt)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), name="ending", daemon=True).start()


def ends_with_its_parent() -> None:
    """From now on this process is gone, with all that it started, as soon as the one is that started it. Only where it
    is a child by multiprocessing, as runs of a code server and steps of a run are.
    """
    if multiprocessing.parent_process() is not None and os.getpid() not in _followers:
        _followers.add(os.getpid())
        threading.Thread(target=_follow, name="ending with the parent", daemon=True).start()


def told_to_end() -> bool:
    """Whether somebody asked this process to end: an error that follows is no fault of the program."""
    return _asked.is_set()


def ends_now() -> None:
    """The command is over: no signal may disturb what the interpreter still does."""
    for number in _TOLD:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _asked.set()
    raise KeyboardInterrupt


def _watch(reader: int) -> None:
    while not _TOLD & set(os.read(reader, 64)):
        pass
    _asked.set()
    time.sleep(ASK_AGAIN_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S - ASK_AGAIN_S)
    _kill_children()
    with contextlib.suppress(Exception):
        os.write(2, b"interrupted; everything finished is kept, the same command continues\n")
    os._exit(INTERRUPTED)


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "asked before"
    parent.join()
    _kill_children()
    os._exit(INTERRUPTED)


def _kill_children() -> None:
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """Processes below `pid`, those of other sessions too; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found
