"""A vLLM server of our own on this machine: started for the run, watched, restarted within a bound, ended with us.

What is started is in vllm_command.py, how it ends in vllm_server.py, what its log means in vllm_log.py.
"""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from unicorn_assets.errors import UserError
from unicorn_assets.llm.endpoints.base import Endpoint, default_log_dir
from unicorn_assets.llm.endpoints.probe import get_json
from unicorn_assets.llm.endpoints.process_tree import end_session
from unicorn_assets.llm.endpoints.vllm_command import find_vllm, model_folder, revision_of, serve_command
from unicorn_assets.llm.endpoints.vllm_log import telling_line
from unicorn_assets.llm.endpoints.vllm_server import GRACE_S
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.stream import Stream

log = logging.getLogger(__name__)

HEALTH_PAUSE_S = 0.25
SILENT_S = 30.0
"""A server that runs but takes no connection for so long is restarted."""


class VllmEndpoint(Endpoint):
    """`model` is an id on the hub or a folder (see `model_folder`); relative folders start at `base`.

    Making one needs no vLLM, so that a run whose answers are all stored needs none either; `start` looks for it.
    """

    bounded_revive = True

    def __init__(
        self,
        settings: LlmSettings,
        log_dir: Path | None = None,
        base: Path | None = None,
        events: Stream | None = None,
    ) -> None:
        super().__init__(events)
        self._settings = settings
        self._folder = model_folder(settings.model, base or Path())
        self.model = settings.model
        self.revision = revision_of(settings, self._folder)
        self._log = (log_dir or default_log_dir()) / f"vllm-{os.getpid()}.log"
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._restarts = 0
        self._silent_since: float | None = None
        self._given_up = threading.Event()

    def start(self) -> None:
        """Start the server and wait until it is healthy, at most `llm.vllm.start_timeout_s`."""
        port = _free_port()
        command = serve_command(find_vllm(), self._settings, self._folder, port)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._log_start = output.tell()
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "unicorn_assets.llm.endpoints.vllm_server", *command],
                stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
                env={"VLLM_NO_USAGE_STATS": "1", **os.environ, **self._settings.vllm.environment},
            )  # fmt: skip
        log.info("starting vLLM with %s; its log is %s", self.model, self._log)
        started = time.monotonic()
        try:
            self._wait_until_healthy(f"http://127.0.0.1:{port}")
        except BaseException:
            self.stop()
            raise
        log.info("vLLM is ready after %.0f s", time.monotonic() - started)
        self.base_urls = (f"http://127.0.0.1:{port}/v1",)
        self._silent_since = None

    def _wait_until_healthy(self, root: str) -> None:
        assert self._process is not None
        limit = self._settings.vllm.start_timeout_s
        deadline = time.monotonic() + limit
        while _health(root) != 200:
            if self._process.poll() is not None:
                raise UserError(f"vLLM ended before it was ready: {self._why()}", f"its log is {self._log}.")
            if time.monotonic() > deadline:
                hint = f"raise llm.vllm.start_timeout_s, or look into its log, {self._log}."
                raise UserError(f"vLLM was not ready within {limit:g} s; it said last: {self._why()}", hint)
            if self._given_up.wait(HEALTH_PAUSE_S):
                raise _GivenUp

    def stop(self) -> None:
        """End the server and everything it started."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S + 5.0)
        process.kill()
        process.wait()
        if not end_session(process.pid):
            self.warn(f"some processes of vLLM (session {process.pid}) do not end")

    def revive(self, base_url: str) -> str | None:
        """Restart the server if it died or is silent, at most `max_restarts` times; blocks until it is ready again."""
        self._given_up.clear()
        if self._process is not None and self._process.poll() is None:
            health = _health(base_url.removesuffix("/v1"))
            if health == 200:
                self._silent_since = None
                return base_url
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if health is None and now - self._silent_since < SILENT_S:
                return None
        why = self._why()
        if self._restarts >= self._settings.max_restarts:
            hint = f"its log is {self._log}; llm.max_restarts is {self._settings.max_restarts}."
            raise UserError(f"vLLM died {self._restarts + 1} times; last: {why}", hint)
        self._restarts += 1
        self.warn(f"vLLM died ({why}); restart {self._restarts} of {self._settings.max_restarts}")
        self.stop()
        try:
            self.start()
        except _GivenUp:
            return None
        return self.base_url

    def give_up(self) -> None:
        """End a restart that is under way."""
        self._given_up.set()

    def _why(self) -> str:
        return telling_line(self._log, self._log_start) or "nothing"


class _GivenUp(Exception):  # noqa: N818 - not an error: nobody waits for the server any more
    """The run ended while the server was being restarted."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _health(root: str) -> int | None:
    """HTTP status of /health; None when nothing answers."""
    try:
        return get_json(f"{root}/health", {}, 3.0)[0]
    except OSError:
        return None
