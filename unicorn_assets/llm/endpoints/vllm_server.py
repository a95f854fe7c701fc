"""The launcher of `vllm serve`: a child process of ours that ends the server with all its workers, whoever dies.

Run as a module with the server's command as arguments, in a session of its own, standard input a pipe from us.

    us -- launcher -- vllm serve -- EngineCore -- workers
             |
             guard

vLLM's workers outlive an API server that is killed, and keep the GPU's memory. So:
- we end, however: the pipe closes, the launcher ends the server and the rest of the session;
- the server ends: the launcher ends what it left behind, and itself;
- the launcher is killed: the kernel kills the server, the guard kills the rest of the session.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

from unicorn_assets.llm.endpoints.process_tree import adopt_orphans, die_with_parent, end_session

GRACE_S = 8.0
"""Seconds that vLLM gets to end by itself (SIGTERM), which frees its shared memory."""

ENDED = "unicorn: vLLM"
"""How the line begins that the launcher adds to the log when the server ended by itself."""


def main(command: list[str]) -> int:
    """Start the command, wait for its end or ours, leave nothing; 1 when the server ended first."""
    us = os.getppid()
    adopt_orphans()
    guard = start_guard()
    launcher = os.getpid()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(launcher))
    wait(us, server)
    status = server.poll()
    if status is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(GRACE_S)
    else:
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
        print(f"{ENDED} {how}", file=sys.stderr, flush=True)
    end_session(launcher, spare=(guard,))
    return 0 if status is None else 1


def start_guard() -> int:
    """Fork a process that ends the session as soon as this one is gone; returns its process id."""
    session = os.getpid()
    ours, theirs = os.pipe()
    guard = os.fork()
    if guard:
        os.close(ours)
        return guard  # `theirs` stays open for as long as this process lives
    os.setpgid(0, 0)
    os.close(theirs)
    os.read(ours, 1)
    end_session(session)
    os._exit(0)


def wait(us: int, server: "subprocess.Popen[bytes]") -> None:
    """Return when the server has ended, or standard input is closed, or our parent is another one."""
    while os.getppid() == us and server.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], 0.5)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
