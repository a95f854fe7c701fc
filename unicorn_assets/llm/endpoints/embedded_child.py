"""A child process of the embedded endpoint: started, announced, ended. Which children there are is in embedded.py, what
one does in embedded_server.py.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path

GRACE_S = 5.0
"""For a child to end once its standard input is closed."""


class Child:
    """One llama.cpp server. `base_urls`: its addresses, the present one last. `spawn` starts it, again once it ended;
    after `close` it starts no more. Any thread may call.
    """

    def __init__(self, weights: Path, model: str, slots: int, context: int, threads: int, log: Path) -> None:
        self._command = [
            sys.executable, "-m", "unicorn_assets.llm.endpoints.embedded_server",
            "--weights", str(weights), "--model", model,
            "--slots", str(slots), "--context", str(context), "--threads", str(threads),
        ]  # fmt: skip
        self._log = log
        self.base_urls: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of its process; None when there is none."""
        process = self._process
        return process.pid if process is not None else None

    def spawn(self) -> None:
        """Start the process, unless it is closed."""
        self.end()
        with self._lock, self._log.open("ab") as log:
            if not self._closed:
                pipe = subprocess.PIPE
                self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=log)

    def announced(self, deadline: float) -> str | None:
        """The base URL that the process prints when it is ready; None when it ends or `deadline` comes before."""
        process = self._process
        if process is None:
            return None
        assert process.stdout is not None
        line = b""
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, ValueError):  # ended meanwhile
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(process.stdout.fileno(), 4096)
                line += piece
                if not piece or line.endswith(b"\n"):
                    break
        if not line.endswith(b"\n"):
            return None
        self.base_urls.append(f"{json.loads(line)['url']}/v1")
        return self.base_urls[-1]

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Whether there is no process, or none any more in `within_s` seconds."""
        if self._process is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        return self._process.poll() is not None

    def close(self) -> None:
        """Let the process end, and start no other: its standard input is closed."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()

    def end(self) -> None:
        """End the process; kill it when it does not end by itself. Harmless when there is none."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
