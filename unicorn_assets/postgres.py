"""Dagster's records in PostgreSQL, over connections that are kept for a moment after use.

Dagster opens a connection for each query, so that many processes do not hold one each for nothing: with the password's
hash and a process of PostgreSQL that costs a hundred times what the query does, and a run makes hundreds of them. Here
one that is not used for IDLE_S is closed: a process that is at work has one or two, all others none. A server that is
away is waited for: a code server that starts meanwhile would keep that error for ever, and look healthy. What is
stored, and how, is Dagster's own. Named by deploy/dagster.yaml; no domain room may import it.
"""

import logging
import threading
import time
from contextlib import suppress
from typing import Any, ClassVar

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
    retry_pg_connection_fn,
)
from sqlalchemy import Engine, event, inspect
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util.queue import Empty

IDLE_S = 2.0
KEPT = 2
"""Connections that a process keeps at most; it opens more when it needs them at once, as without a pool."""
AWAY_S = 100.0
"""How long a connection waits for a server that is away. Dagster asks six times: ten minutes in all."""
LOOK_S = 0.5
NOT_YET = ("starting up", "shutting down", "in recovery mode", "not yet accepting connections")
"""What a server says that will be there in a moment; all else that it says itself is for people to mend."""
TABLES = frozenset({"runs", "instance_info", "event_logs", "jobs"})
"""One of each part of Dagster's records: where they are, there is nothing to create."""


class BriefPool(QueuePool):
    """Closes what nobody used for IDLE_S. Connections that broke meanwhile are replaced (pool_pre_ping)."""

    idle_s: ClassVar[float] = IDLE_S

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._returned = 0.0
        self._closer: threading.Thread | None = None
        self._starting = threading.Lock()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._returned = time.monotonic()
        super()._do_return_conn(record)
        with self._starting:
            if self._closer is None or not self._closer.is_alive():
                self._closer = threading.Thread(target=self._close_when_idle, name="idle connections", daemon=True)
                with suppress(RuntimeError):  # the process is ending
                    self._closer.start()

    def _close_when_idle(self) -> None:
        while (left := self._returned + self.idle_s - time.monotonic()) > 0:
            time.sleep(left)
        with self._starting:  # whoever returns one now starts the next thread
            self._closer = None
        with suppress(Empty):
            while True:
                record = self._pool.get(False)
                try:
                    record.close()
                finally:
                    self._dec_overflow()


def wait_while_away(engine: Engine, away_s: float = AWAY_S) -> None:
    """Let each new connection of this engine wait for a server that does not answer, up to `away_s` seconds."""

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]) -> Any:
        end, told = time.monotonic() + away_s, False
        while True:
            try:
                return dialect.connect(*arguments, **named)
            except dialect.loaded_dbapi.OperationalError as error:
                words = " ".join(str(error).split())
                if time.monotonic() > end or ("FATAL" in words and not any(each in words for each in NOT_YET)):
                    raise
                if not told:
                    logging.getLogger(__name__).warning("waiting for PostgreSQL: %s", words)
                told = True
            time.sleep(LOOK_S)


class BriefPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL; its three parts share one BriefPool."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None, token_provider: Any = None,
    ) -> None:  # fmt: skip
        engine = create_pg_engine(
            postgres_url, token_provider,
            isolation_level="AUTOCOMMIT", poolclass=BriefPool, pool_size=KEPT, max_overflow=-1, pool_pre_ping=True,
        )  # fmt: skip
        wait_while_away(engine)
        if should_autocreate_tables:  # one look instead of one for each part
            there = retry_pg_connection_fn(lambda: inspect(engine).get_table_names())
            should_autocreate_tables = not set(there) >= TABLES
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "BriefPostgresStorage":
        """From the same configuration that Dagster's `storage.postgres` takes."""
        return cls(
            pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data,
            get_token_provider_from_config(config_value),
        )  # fmt: skip
