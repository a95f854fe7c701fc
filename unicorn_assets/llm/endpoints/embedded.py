"""llama.cpp servers of our own on this machine: SmolLM2 from the `local` extra, or any GGUF file.

One server of one thread for each core: two threads of one server wait for each other at every layer, two servers never.
Each runs in a child process (embedded_child.py, embedded_server.py) that ends when we do, however we end. What they
serve is a small model for trying things out; for real data use `url`.
"""

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints.base import Endpoint, default_log_dir, weights_dirs
from unicorn_assets.llm.endpoints.embedded_child import Child
from unicorn_assets.llm.endpoints.embedded_weights import QUICK, find_weights, is_quickened, quickened
from unicorn_assets.llm.endpoints.probe import alive
from unicorn_assets.llm.settings import EMBEDDED_MODEL, LlmSettings
from unicorn_assets.stream import Stream

MANY_BELOW_BYTES = 512 << 20
"""Weights of this size and more get one server of all threads: each of several reads all weights for its own answers
alone. On two cores, seconds of processor for the same tokens: weights of 0.15 GB 28.0 as one server and 25.5 as two,
1.1 GB 60.6 and 65.7. Memory is no matter: servers map the same pages."""


class EmbeddedEndpoint(Endpoint):
    """`model` is SmolLM2-135M-Instruct or the path of a .gguf file."""

    def __init__(self, settings: LlmSettings, log_dir: Path | None = None, events: Stream | None = None) -> None:
        super().__init__(events)
        self._settings = settings
        self._weights = find_weights(settings.model)
        self.model = settings.model if settings.model == EMBEDDED_MODEL else self._weights.name
        size = self._weights.stat().st_size
        # Size and name tell one set of weights from another without reading gigabytes.
        served = f":{QUICK}" if is_quickened(self._weights) else ""
        revision = settings.revision or f"{self._weights.name}:{size}{served}"
        self.revision = settings.wire.marked(revision)
        self.server_count, self._threads = shared_out(threads(), settings.slots, size)
        self.capacity = -(-settings.slots // self.server_count)
        self._log = (log_dir or default_log_dir()) / f"embedded-llm-{os.getpid()}.log"
        self._children: list[Child] = []
        self._restarts = 0
        self._reviving = threading.Lock()

    def start(self) -> None:
        """Start the servers side by side and wait for their addresses, at most `start_timeout_s`."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            weights = quickened(self._weights, weights_dirs()) if is_quickened(self._weights) else self._weights
            deadline = time.monotonic() + self._settings.start_timeout_s
            for _ in range(self.server_count):
                child = Child(weights, self.model, self.capacity or 1, self._settings.context, self._threads, self._log)
                self._children.append(child)
                child.spawn()
            self.base_urls = tuple(self._answering(child, deadline) for child in self._children)
            undo.pop_all()

    def _answering(self, child: Child, deadline: float) -> str:
        """A started child's base URL, once it answers there; raises UserError when it does not."""
        url = child.announced(deadline)
        if url is None or not alive(f"{url}/models", {}):
            what = "ended" if child.has_ended(1.0) else f"gave no answer within {self._settings.start_timeout_s:g} s"
            raise UserError(f"The embedded LLM server {what}.", f"its log is {self._log}.")
        return url

    def stop(self) -> None:
        """End all children; harmless when there are none."""
        children, self._children, self.base_urls = self._children, [], ()
        for child in children:
            child.close()
        for child in children:
            child.end()

    def revive(self, base_url: str) -> str | None:
        """Restart the child that served there if it died; all children together at most `max_restarts` times."""
        with self._reviving:
            child = next((child for child in self._children if base_url in child.base_urls), None)
            if child is None:
                return None  # stopped meanwhile
            if not child.has_ended():
                url = child.base_urls[-1]
                return url if alive(f"{url}/models", {}) else None
            if self._restarts >= self._settings.max_restarts:
                raise UserError(f"The embedded LLM server died {self._restarts + 1} times.", f"its log is {self._log}.")
            self._restarts += 1
            child.spawn()
            try:
                url = self._answering(child, time.monotonic() + self._settings.start_timeout_s)
            except UserError:
                child.end()
                raise
            self.base_urls = tuple(child.base_urls[-1] for child in self._children)
            return url


def threads() -> int:
    """OMP_NUM_THREADS where it is a number, as for all that computes here; else one for each core.

    Beside programs that take the cores, threads wait for each other: 24 tokens/s on two of them, 37 on one.
    """
    told = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(told) if told.isdecimal() and int(told) else len(os.sched_getaffinity(0))


def shared_out(threads: int, slots: int, weights_bytes: int) -> tuple[int, int]:
    """(servers, threads of each): a server of one thread for each thread where there are slots enough."""
    servers = min(threads, slots) if weights_bytes < MANY_BELOW_BYTES else 1
    return servers, threads // servers
