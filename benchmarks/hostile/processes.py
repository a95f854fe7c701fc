"""The processes of a lane: a server in one mode after the other, and a nest that runs commands."""

import json
import os
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
LIFE_S = 3600


@dataclass
class Ended:
    """How a command ended: exit code (negative: by that signal), output, memory of its process tree."""

    arguments: list[str]
    code: int
    seconds: float
    rss_mb: float
    hung: bool
    output: str

    @property
    def lines(self) -> list[str]:
        """The lines that are not empty."""
        return [line for line in self.output.splitlines() if line.strip()]


class Lane:
    """A server and a nest; use it as a context manager. `url` is the server's base URL, host and port alone."""

    def __init__(self, folder: Path, plain_encoder: bool = True) -> None:
        self.folder, self.plain_encoder, self.port, self.elsewhere = folder, plain_encoder, 0, 0

    def __enter__(self) -> Self:
        self.nest = subprocess.Popen(
            [sys.executable, str(HERE / "nest.py"), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "nest.log").open("wb"),
            text=True,
        )
        self._start_server()
        self._hear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in (self.nest, self.server):
            process.kill()
            process.wait()

    def _start_server(self) -> None:
        arguments = [sys.executable, str(HERE / "listener.py"), str(LIFE_S), str(self.port)]
        self.server = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.server.stdout is not None
        self.port, self.elsewhere = (int(port) for port in self.server.stdout.readline().split())

    def _hear(self) -> dict[str, Any]:
        assert self.nest.stdout is not None
        line = self.nest.stdout.readline()
        if not line:
            raise RuntimeError(f"the nest ended: {(self.folder / 'nest.log').read_text()[-2000:]}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    @property
    def url(self) -> str:
        """Where the server is."""
        return f"http://127.0.0.1:{self.port}"

    def switch(self, mode: str) -> None:
        """Put the server into a mode; one that ended is started again at its port."""
        if self.server.poll() is not None:
            self._start_server()
        self._get(f"control/mode/{mode}")

    def stats(self) -> dict[str, int]:
        """Requests since the last switch: models, chat; empty when the server has ended."""
        return {} if self.server.poll() is not None else self._get("control/stats")

    def _get(self, path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/{path}", timeout=120) as response:
            return json.loads(response.read())

    def run(self, folder: Path, environment: dict[str, str], *arguments: str) -> Ended:
        """`unicorn ARGUMENTS` in a folder."""
        output = folder / "output.txt"
        request = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment,
            "output": str(output),
            "plain_encoder": self.plain_encoder,
        }
        assert self.nest.stdin is not None
        self.nest.stdin.write(json.dumps(request) + "\n")
        self.nest.stdin.flush()
        heard = self._hear()
        text = output.read_bytes().decode("utf-8", "surrogateescape")
        return Ended(list(arguments), heard["code"], heard["seconds"], heard["rss_mb"], heard["hung"], text)
