"""Memory and CPU of a process and all below it, sampled while it runs. Not here: which step ran when (steps.py)."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

EVERY_S = 0.5


class Watch:
    """Context manager. `samples`: (seconds since 1970, MB that the tree holds, CPU seconds so far)."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, float, float]] = []
        self._top, self._ended = psutil.Process(pid), threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            with suppress(psutil.Error):
                held = cpu = 0.0
                for process in [self._top, *self._top.children(recursive=True)]:
                    with suppress(psutil.Error, OSError):
                        times = process.cpu_times()
                        cpu += times.user + times.system + times.children_user + times.children_system
                        held += proportional_mb(process.pid)
                self.samples.append((time.time(), held, cpu))

    def peak_mb(self, begun: float = 0, ended: float = float("inf")) -> float:
        """The most that the tree held between two times."""
        return max((held for at, held, _ in self.samples if begun <= at <= ended + EVERY_S), default=0.0)

    def cpu_s(self, begun: float, ended: float) -> float:
        """CPU seconds between two times, to a sample's width."""
        before = max((cpu for at, _, cpu in self.samples if at <= begun), default=0.0)
        return max((cpu for at, _, cpu in self.samples if at <= ended + EVERY_S), default=before) - before


def proportional_mb(pid: int) -> float:
    """Its memory; a page that n processes share counts a nth in each."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
