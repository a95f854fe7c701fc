"""A llama.cpp server of our own on this machine: SmolLM2 from the `local` extra, or any GGUF file.

The server runs in a child process (embedded_server.py) that ends when we do, however we end. What it serves is a small
model for trying things out; for real data use `url`.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints.base import Endpoint, default_log_dir, weights_dirs
from unicorn_assets.llm.endpoints.embedded_weights import QUICK, find_weights, is_quickened, quickened
from unicorn_assets.llm.endpoints.probe import alive
from unicorn_assets.llm.settings import EMBEDDED_MODEL, LlmSettings
from unicorn_assets.stream import Stream


class EmbeddedEndpoint(Endpoint):
    """`model` is SmolLM2-135M-Instruct or the path of a .gguf file."""

    def __init__(self, settings: LlmSettings, log_dir: Path | None = None, events: Stream | None = None) -> None:
        super().__init__(events)
        self._settings = settings
        self._weights = find_weights(settings.model)
        self.model = settings.model if settings.model == EMBEDDED_MODEL else self._weights.name
        # Size and name tell one set of weights from another without reading gigabytes.
        served = f":{QUICK}" if is_quickened(self._weights) else ""
        revision = settings.revision or f"{self._weights.name}:{self._weights.stat().st_size}{served}"
        self.revision = settings.wire.marked(revision)
        self.capacity = settings.slots
        self._log = (log_dir or default_log_dir()) / f"embedded-llm-{os.getpid()}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0

    def start(self) -> None:
        """Start the child and wait for its address, at most `start_timeout_s`."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        weights = quickened(self._weights, weights_dirs()) if is_quickened(self._weights) else self._weights
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "unicorn_assets.llm.endpoints.embedded_server",
                    "--weights", str(weights), "--model", self.model,
                    "--slots", str(self._settings.slots), "--context", str(self._settings.context),
                ],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        url = self._announced()
        if url is None or not alive(f"{url}/models", {}):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)  # it may be dying just now
            ended = self._process.poll() is not None
            self.stop()
            what = "ended" if ended else f"gave no answer within {self._settings.start_timeout_s:g} s"
            raise UserError(f"The embedded LLM server {what}.", f"its log is {self._log}.")
        self.base_urls = (url,)

    def _announced(self) -> str | None:
        """The base URL that the child prints when it is ready."""
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + self._settings.start_timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = b""
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                piece = os.read(self._process.stdout.fileno(), 4096)
                if not piece:
                    return None
                line += piece
        return f"{json.loads(line)['url']}/v1"

    def stop(self) -> None:
        """Close the child's standard input, which ends it; kill it when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def revive(self, base_url: str) -> str | None:
        """Restart the child if it died, at most `max_restarts` times."""
        if self._process is not None and self._process.poll() is None:
            return base_url if alive(f"{base_url}/models", {}) else None
        if self._restarts >= self._settings.max_restarts:
            raise UserError(f"The embedded LLM server died {self._restarts + 1} times.", f"its log is {self._log}.")
        self._restarts += 1
        self.stop()
        self.start()
        return self.base_url
