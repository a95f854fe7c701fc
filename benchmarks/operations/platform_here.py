"""A real instance on this machine: PostgreSQL, a code server, a daemon and more, each a process that is started again
when it ends, as Compose's `restart: unless-stopped` does it. Commands and settings are those of deploy/.

Not as in deploy/: logs of steps stay on disk, and what waits for minutes there (a look at runs, a code server that
restarts) waits for seconds. The encoder is a stand-in. Here: starting, ending, killing. Not here: what is judged.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import yaml
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_name
from unicorn_assets.lake.store import ALL
from unicorn_assets_tests import servers

ROOT = Path(__file__).parents[2]
MARK = "UNICORN_OPERATIONS"
"""Environment variable by which all processes of an instance are known, whoever started them."""
DONE = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "CANCELED", "FAILED", "COMPLETED")
NOT_OVER = [status for status in dg.DagsterRunStatus if status not in FINISHED_STATUSES]
Cells = Mapping[str, list[str]]


def say(words: str) -> None:
    """A line of the record, on standard error."""
    print(time.strftime("%H:%M:%S"), words, file=sys.stderr, flush=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings() -> dict[str, Any]:
    """deploy/dagster.yaml with the default launcher, impatient, and without the S3 server for logs."""
    text = (ROOT / "deploy" / "dagster.yaml").read_text() + (ROOT / "deploy" / "launchers" / "default.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    del found["compute_logs"]
    found["run_monitoring"] |= {"poll_interval_seconds": 5, "free_slots_after_run_end_seconds": 5}
    found["run_coordinator"]["config"]["user_code_failure_retry_delay"] = 5
    return found


@dataclass
class Service:
    """A command that is started again whenever its process has ended."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def look(self) -> None:
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command, env={**os.environ, **self.environment}, stdout=log, stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            self.starts += 1


def adopt() -> None:
    """Become the parent of orphans below this process, so that their CPU time is not lost when they end."""
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


@dataclass
class Platform:
    """The instance as an operator sees it. `kept`: the services by name, PostgreSQL beside them."""

    home: Home
    folder: Path
    environment: Mapping[str, str]
    postgres: "Postgres"
    port: int
    kept: dict[str, Service] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _keeping: threading.Lock = field(default_factory=threading.Lock)

    def keep(self) -> None:
        """Start again what ended, and bury orphans, until the end."""
        seen: set[int] = set()
        while not self._ended.wait(1):
            seen |= {process.pid for name in list(self.kept) for process in self.below(name)}
            for child in psutil.Process().children():
                with suppress(psutil.Error, ChildProcessError):
                    if child.pid in seen and child.status() == psutil.STATUS_ZOMBIE:
                        os.waitpid(child.pid, os.WNOHANG)
            with self._keeping:
                if not self._ended.is_set():  # else what stop() ends would be started again
                    self.postgres.look()
                    for service in list(self.kept.values()):
                        service.look()

    def stop(self) -> None:
        """End all services well: SIGTERM, and SIGKILL only for those that are still there after a minute."""
        with self._keeping:
            self._ended.set()
        processes = [service.process for service in self.kept.values() if service.process is not None]
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def below(self, name: str) -> list[psutil.Process]:
        """All processes below a service."""
        process = self.kept[name].process
        try:
            return psutil.Process(process.pid).children(recursive=True) if process else []
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """Seconds of CPU that services, runs, steps and PostgreSQL have taken so far, those that ended included."""
        services = [psutil.Process(each.process.pid) for each in self.kept.values() if each.process is not None]
        alive = {process.pid: process for top in services for process in [top, *top.children(recursive=True)]}
        alive |= {process.pid: process for process in [*self.marked(), *self.postgres.processes]}
        found = psutil.Process().cpu_times()
        total = found.children_user + found.children_system
        for process in alive.values():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def marked(self) -> list[psutil.Process]:
        """Every process of this instance but PostgreSQL's, whoever its parent is by now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.environment[MARK] and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def asked(self, call: Callable[[dg.DagsterInstance], Any], patience_s: float = 600) -> Any:
        """What the instance answers, asked again while the database is away."""
        end = time.monotonic() + patience_s
        while True:
            try:
                with dg.DagsterInstance.get() as instance:
                    return call(instance)
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(1)

    def ready(self) -> None:
        """Wait until the code server answers: a backfill that meets none ends as failed."""
        end = time.monotonic() + 120
        while subprocess.run(
            [*self.kept["code server"].command[:1], "api", "grpc-health-check", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode:
            if time.monotonic() > end:
                raise TimeoutError("the code server does not come up")

    def launch(self, cells: Cells) -> str:
        """A backfill of exactly these, as the UI or a night makes one."""
        graph = build_defs(self.home).resolve_asset_graph()
        keys = {asset_name(key): key for key in graph.get_all_asset_keys()}
        wanted = {AssetKeyPartitionKey(keys[n], None if s == ALL else s) for n, row in cells.items() for s in row}
        subset = AssetGraphSubset.from_asset_partition_set(wanted, graph)
        name = secrets.token_hex(4)

        def add(instance: dg.DagsterInstance) -> None:
            made = PartitionBackfill.from_asset_graph_subset(name, time.time(), {}, instance, subset, None, None, None)
            if instance.get_backfill(name) is None:
                instance.add_backfill(made)

        self.asked(add)
        return name

    def state(self, backfill: str) -> str:
        return str(self.asked(lambda instance: instance.get_backfill(backfill)).status.value)

    def runs(self, backfill: str) -> list[dg.DagsterRun]:
        found: list[dg.DagsterRun] = self.asked(
            lambda instance: list(instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill})))
        )
        return found

    def failures(self, backfill: str) -> list[str]:
        """What failed runs of a backfill said."""
        kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
        found = []
        for run in self.runs(backfill):
            for entry in self.asked(partial(dg.DagsterInstance.all_logs, run_id=run.run_id, of_type=kinds)):
                event = entry.get_dagster_event()
                told = getattr(event.event_specific_data, "error", None)
                failed = getattr(event.event_specific_data, "user_failure_data", None)
                words = failed.description if failed else told.to_string() if told else ""
                found.append(f"{run.run_id[:8]} {event.step_key}: {event.message} {words or ''}"[:2000])
        return found

    def told(self, backfill: str) -> str:
        """What is to be seen of a backfill that stands: its error, its runs' last events, processes, ends of logs."""
        record = self.asked(lambda instance: instance.get_backfill(backfill))
        lines = [f"== backfill {backfill}: {record.status.value}, error {record.error}"]
        for run in self.runs(backfill):
            lines.append(f"== run {run.run_id} {run.status.value}")
            if not run.is_finished:
                lines += [f"   tag {name}: {value}" for name, value in sorted(run.tags.items())]
                events = self.asked(partial(dg.DagsterInstance.all_logs, run_id=run.run_id))
                lines += [
                    f"   {time.strftime('%H:%M:%S', time.localtime(entry.timestamp))} "
                    f"{entry.dagster_event_type} {entry.step_key or ''} {entry.user_message or entry.message}"[:300]
                    for entry in [*events[:3], *events[-15:]]
                ]
        lines += ["== its instance's other runs that are not over"]
        lines += [
            f"   {run.run_id} {run.status.value} {run.tags}"
            for run in self.asked(lambda instance: list(instance.get_runs(dg.RunsFilter(statuses=NOT_OVER))))
        ]
        lines += ["== processes"]
        for process in self.marked():
            with suppress(psutil.Error):
                born = time.strftime("%H:%M:%S", time.localtime(process.create_time()))
                words = " ".join(process.cmdline())[:160]
                lines.append(f"   {process.pid} of {process.ppid()}, {process.status()}, since {born}: {words}")
                lines += _stacks(process.pid)
        lines += ["== last ticks of its sensors"]
        lines += self.asked(_ticks)
        for name, service in self.kept.items():
            lines += [f"== end of the log of the {name}", *service.log.read_text(errors="replace").splitlines()[-60:]]
        return "\n".join(lines)

    def wait(self, backfill: str, patience_s: float, meanwhile: Callable[[], None] = lambda: None) -> str:
        """The state in which a backfill ended; TimeoutError when it does not move for so long."""
        end, seen = time.monotonic() + patience_s, ""
        while (state := self.state(backfill)) not in DONE:
            now = str(sorted((run.run_id, run.status.value) for run in self.runs(backfill)))
            if now != seen:
                end, seen = time.monotonic() + patience_s, now
            if time.monotonic() > end:
                raise TimeoutError(f"backfill {backfill} is {state}, its runs {now}\n{self.told(backfill)}")
            meanwhile()
            time.sleep(1)
        return state


def _stacks(pid: int) -> list[str]:
    """Where each thread of a process stands, when py-spy is there."""
    if not (found := shutil.which("py-spy")):
        return []
    done = subprocess.run([found, "dump", "--nonblocking", "--pid", str(pid)], capture_output=True, text=True)
    return [f"      {line}" for line in done.stdout.splitlines()[3:] if line.strip()]


def _ticks(instance: dg.DagsterInstance) -> list[str]:
    found = []
    for state in instance.all_instigator_state():
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=3):
            when, data = time.strftime("%H:%M:%S", time.localtime(tick.timestamp)), tick.tick_data
            found.append(f"   {state.name} {when} {tick.status.value} {data.skip_reason} {data.error or ''}"[:400])
    return found


class Postgres:
    """Debian's PostgreSQL; killed and started again as the others are."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._binaries = folder, servers._postgres_binaries()
        self._stack = ExitStack()
        self.server = self._stack.enter_context(contextmanager(servers._run_postgres)(self._binaries, folder))

    @property
    def processes(self) -> list[psutil.Process]:
        try:
            main = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
            if main.status() == psutil.STATUS_ZOMBIE:  # killed, and this process has adopted it
                os.waitpid(main.pid, os.WNOHANG)
                return []
            return [main, *main.children(recursive=True)]
        except (OSError, ValueError, IndexError, psutil.Error):
            return []

    def look(self) -> None:
        if not self.processes:
            options = f"-p {self.server.port} -k {self._folder} -c listen_addresses={self.server.host} -c fsync=off"
            self.call("start", "-o", options, "-l", str(self._folder / "log"))

    def call(self, *arguments: str) -> int:
        command = [str(self._binaries / "pg_ctl"), "-D", str(self._folder / "data"), "-w", *arguments]
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        return subprocess.run(
            [*as_postgres, *command], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode

    def close(self) -> None:
        self.look()
        self._stack.close()


@contextmanager
def platform(
    folder: Path, home: Home, more: Mapping[str, list[str]], without: Sequence[str] = ()
) -> Iterator[Platform]:
    """An instance below `folder` whose code location is location.py over `home`; `more`: commands of other services."""
    adopt()
    (folder / "dagster").mkdir()
    (folder / "postgres").mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder / "postgres", "postgres", "postgres")
        for parent in (folder, *folder.parents):
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
    (folder / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings()))
    port = free_port()
    location = {"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": "unicorn_assets"}}
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [location]}))
    postgres = Postgres(folder / "postgres")
    environment = {
        **postgres.server.environment, MARK: secrets.token_hex(8),
        "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR": "1",
        "DAGSTER_HOME": str(folder / "dagster"), "UNICORN_HOME": str(home.root), "UNICORN_LAKE": home.lake_url,
        "UNICORN_RECIPE": str(home.recipe), "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
    }  # fmt: skip
    os.environ.update(environment)
    del os.environ[MARK]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every step compiles the package
    dagster = str(Path(sys.executable).parent / "dagster")
    commands = {
        **more,
        "code server": [dagster, "code-server", "start", "-h", "127.0.0.1", "-p", str(port), "-m", "location"],
        "daemon": [f"{dagster}-daemon", "run", "-w", str(folder / "workspace.yaml")],
    }
    found = Platform(home, folder, environment, postgres, port)
    for name, command in commands.items():
        if name in without:
            continue
        found.kept[name] = Service(name, command, environment, folder / f"{name}.log")
        found.kept[name].look()
    keeper = threading.Thread(target=found.keep, daemon=True)
    keeper.start()
    try:
        found.ready()
        yield found
    finally:
        found.stop()
        keeper.join(30)
        for process in found.marked():  # of a benchmark that failed nothing may stay behind either
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        postgres.close()
