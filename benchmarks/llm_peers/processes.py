"""Running clients and servers as processes, watching their memory and CPU, and ending them. Used by llm_client.py."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent


def fetch(url: str, method: str = "GET") -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as response:
        body = response.read()
    return json.loads(body) if body else None


@contextlib.contextmanager
def model_server(script: Path = HERE / "server.py", **options: float) -> Iterator[str]:
    """The URL of a fresh server; it ends with the context."""
    flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    process = subprocess.Popen(
        [sys.executable, str(script), *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Client:
    """A client process with the usual flags; `finish` returns its JSON line, peak RSS (MB) and CPU seconds."""

    def __init__(self, script: str, url: str, work: Path, rows: int, in_flight: int, python: str = sys.executable,
                 **options: object) -> None:  # fmt: skip
        flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the object
        self.process = subprocess.Popen(
            [python, str(HERE / f"{script}.py"), "--url", url, "--work", str(work), "--rows", str(rows),
             "--in-flight", str(in_flight), *flags],
            stdout=subprocess.PIPE, stderr=self.errors, text=True, start_new_session=True,
            env=_environment(ours=python == sys.executable),
        )  # fmt: skip
        self.peak = 0
        self._cpu_before = _cpu_of_ended_children()
        self.cpu: dict[int, float] = {}
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            while self.process.poll() is None:
                total = 0
                for process in [root, *root.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        total += process.memory_info().rss
                        times = process.cpu_times()
                        self.cpu[process.pid] = times.user + times.system
                self.peak = max(self.peak, total)
                time.sleep(0.25)

    def kill(self) -> None:
        """SIGKILL to the client's whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._watcher.join()

    def finish(self, timeout: float = 600) -> dict[str, Any]:
        try:
            output, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._watcher.join()
        lines = [line for line in output.splitlines() if line.startswith('{"rows"')]
        if self.process.returncode or not lines:
            self.errors.seek(0)
            raise RuntimeError(f"{self.process.args}: exit {self.process.returncode}\n{self.errors.read()[-2000:]}")
        return json.loads(lines[-1]) | {"peak_rss_mb": self.peak / 2**20, "cpu_s": self._cpu_s()}

    def _cpu_s(self) -> float:
        """What the kernel counted for the client and all it waited for, or what was seen of its processes."""
        return max(_cpu_of_ended_children() - self._cpu_before, sum(self.cpu.values()))


def _cpu_of_ended_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_script(script: str, *flags: str) -> Any:
    """Run one of our scripts to its end; returns the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, str(HERE / f"{script}.py"), *flags],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(ours=True),
    )
    if done.returncode:
        raise RuntimeError(f"{script}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _environment(ours: bool) -> dict[str, str]:
    """Compiled modules are kept during the benchmark, so that nobody's CPU figure is Python's compiler."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "llm-bench-compiled")
    return kept | ({"PYTHONPATH": str(HERE.parent.parent)} if ours else {})
