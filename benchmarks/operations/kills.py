"""SIGKILL to everything in turn while backfills run on PostgreSQL; afterwards the lake is as if nobody had killed.

Killed are, one after another: the process of a run, that of a step, the daemon, the code server, all of the code server
with its runs (as a container ends), the LLM server, PostgreSQL. Backfills go on, or the operator asks for what is not
right yet; when all is right and kills are left, rows are appended. Counted at the end:

lost: shards, artifacts and releases that differ from those of a data set made without kills, and journal entries that
went; asked_twice_beyond_in_flight: questions asked again beyond those that were in flight when something was killed
(8 for each step that asked); orphans: processes that belong to nobody.
"""

import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
from data import append_rows, prepared
from platform_here import Platform, free_port, platform, say
from same import differences, made_in_one_go
from written_llm import asked

from unicorn_assets.automation.looking import look_at
from unicorn_assets.automation.night_plan import RIGHT, NightState, next_round
from unicorn_assets.health import wanted_of
from unicorn_assets.home import Home
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import known_shards
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets_tests.plan.server import IN_FLIGHT

TARGETS = (
    "daemon", "LLM server", "step", "PostgreSQL", "code server",
    "daemon", "LLM server", "run", "PostgreSQL", "code server with its runs",
)  # fmt: skip
LATENCY_S = 2.0
PAUSE_S = (4.0, 10.0)
STUCK_S = 600.0
SPAWNED = "spawn_main"  # the process of a run; its steps are forks of another child of it


def words_of(process: psutil.Process | None) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline()) if process else ""
    return ""


class Killer:
    """Kills the next target when it is at work; knows what was in flight whenever it did."""

    def __init__(self, here: Platform, log: Path, port: int, count: int) -> None:
        self._here, self._log, self._port, self._targets = here, log, port, cycle(TARGETS)
        self.left, self.killed = count, Counter[str]()
        self.allowed = 0  # questions that may come again
        self._target = next(self._targets)
        self._draw = random.Random(12)
        self._next = 0.0

    def look(self) -> None:
        """Kill, if it is time and the target is there."""
        if self.left and time.monotonic() > self._next and self._kill():
            self.killed[self._target] += 1
            self.left -= 1
            say(f"{self.killed.total()}: kill -9 of the {self._target}, {asked(self._log).calls} questions so far")
            self._target = next(self._targets)
            self._next = time.monotonic() + self._draw.uniform(*PAUSE_S)

    def _kill(self) -> bool:
        flying, asking = asked(self._log).in_flight, self._asking()
        if not flying or not asking:
            return False
        victims = self._victims(asking)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(signal.SIGKILL)
        match self._target:
            case "LLM server":
                self.allowed += flying
            case "step":
                self.allowed += IN_FLIGHT
            case "run":
                self.allowed += IN_FLIGHT * sum(run == asking[0][0] for run, _ in asking)
            case "code server" | "code server with its runs" | "PostgreSQL":
                self.allowed += IN_FLIGHT * len(asking)
        return bool(victims)

    def _victims(self, asking: list[tuple[psutil.Process, psutil.Process]]) -> list[psutil.Process]:
        match self._target:
            case "PostgreSQL":
                return self._here.postgres.processes
            case "run":
                return [asking[0][0]]
            case "step":
                return [asking[0][1]]
            case "code server with its runs":
                return [self._main("code server"), *self._here.below("code server")]
            case name:
                return [self._main(name)]

    def _main(self, name: str) -> psutil.Process:
        process = self._here.kept[name].process
        assert process is not None
        return psutil.Process(process.pid)

    def _asking(self) -> list[tuple[psutil.Process, psutil.Process]]:
        """The processes of runs and of their steps that are connected to the LLM server now."""
        found = []
        for step in self._here.below("code server"):
            with suppress(psutil.Error):
                if any(each.raddr and each.raddr.port == self._port for each in step.net_connections("tcp")):
                    run = next((each for each in step.parents() if SPAWNED in words_of(each)), None)
                    found += [(run, step)] if run is not None else []
        return found


def kills(count: int, folder: Path, rows: int = 640) -> dict[str, Any]:
    """Backfills until everything was killed often enough and all is right."""
    port, log = free_port(), folder / "asked"
    home = prepared(folder, f"http://127.0.0.1:{port}", rows)
    llm = [sys.executable, str(Path(__file__).with_name("written_llm.py")), str(port), str(log), str(LATENCY_S)]
    backfills, orphans = 0, list[str]()
    with platform(folder, home, {"LLM server": llm}) as here:
        killer = Killer(here, log, port, count)
        while cells := wrong(here, home):
            name = here.launch(cells)
            backfills += 1
            say(f"backfill {name}: {', '.join(f'{asset} ({len(row)})' for asset, row in cells.items())}")
            say(f"backfill {name}: {here.wait(name, STUCK_S, killer.look)}")
            if killer.left and not wrong(here, home):
                append_rows(home, rows // 2)
        time.sleep(10)
        known = {process.pid for name in here.kept for process in [*here.below(name)]}
        known |= {service.process.pid for service in here.kept.values() if service.process is not None}
        orphans = [words_of(process) for process in here.marked() if process.pid not in known]
        starts = {name: service.starts for name, service in here.kept.items()}
        here.stop()
        orphans += [words_of(process) for process in here.marked()]
    found = asked(log)
    differing = differences(made_in_one_go(home, folder / "again"), Lake(home.lake_url))
    return {
        "kills": killer.killed.total(), "lost": len(differing), "orphans": len(orphans),
        "asked_twice_beyond_in_flight": max(0, found.again - killer.allowed),
        "asked_twice": found.again, "in_flight_at_kills": killer.allowed, "questions": found.calls,
        "killed": dict(killer.killed), "starts": starts, "backfills": backfills,
        "differing": differing[:10], "orphaned": [words[:200] for words in orphans[:10]],
    }  # fmt: skip


def wrong(here: Platform, home: Home) -> dict[str, list[str]]:
    """What the next backfill has to make; empty: all is right."""
    recipe = load_recipe(home.recipe)
    while (found := look_at(home.lake_url, wanted_of(recipe))) is None:
        pass
    shards = here.asked(lambda instance: known_shards(instance, recipe.name))
    plan = next_round(found, NightState(), 10_000, 10_000, shards)
    states = {cell.state for row in found.cells.values() for cell in row.values()}
    assert plan.cells or states <= set(RIGHT), plan
    return {name: list(row) for name, row in plan.cells.items()}
