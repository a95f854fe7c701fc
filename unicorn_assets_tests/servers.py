"""Real servers on loopback for the tests: S3 (moto) and PostgreSQL, each a process of its own that the fixture ends.

Fixtures are imported by name where they are needed. Not here: LLM servers (see the llm tests).
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

S3_SERVER = """
import logging
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.port, flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class S3Server:
    """An S3 server without data; buckets are made by the tests."""

    url: str
    access_key: str = "test"
    secret_key: str = "test-secret"
    region: str = "us-east-1"

    @property
    def storage_options(self) -> dict[str, object]:
        """What fsspec needs to reach it."""
        return {
            "key": self.access_key,
            "secret": self.secret_key,
            "client_kwargs": {"endpoint_url": self.url, "region_name": self.region},
        }

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 and s3fs find it without any option."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def make_bucket(self, name: str) -> str:
        """Create a bucket; returns its s3:// URL."""
        self._client().create_bucket(Bucket=name)
        return f"s3://{name}"

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Keys of the objects in a bucket."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        """One object."""
        return bytes(self._client().get_object(Bucket=bucket, Key=key)["Body"].read())

    def _client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
        )


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """moto's S3 server in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", S3_SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the S3 server did not start"
        yield S3Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()  # it holds nothing, and inherits from some shells that SIGTERM is ignored
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


@dataclass(frozen=True)
class PostgresServer:
    """An empty PostgreSQL cluster with one superuser."""

    port: int
    host: str = "127.0.0.1"
    user: str = "dagster"
    password: str = "test-secret"
    database: str = "dagster"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that deploy/dagster.yaml reads."""
        return {
            "DAGSTER_PG_HOST": self.host,
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_USER": self.user,
            "DAGSTER_PG_PASSWORD": self.password,
            "DAGSTER_PG_DB": self.database,
        }


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Debian's PostgreSQL, a fresh cluster; skips with a reason where it cannot run."""
    binaries = _postgres_binaries()
    with tempfile.TemporaryDirectory(prefix="unicorn-pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield from _run_postgres(binaries, Path(folder))


def _postgres_binaries() -> Path:
    left_out = "left out: the production instance on PostgreSQL and S3: "
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found += [Path(initdb) for initdb in [shutil.which("initdb")] if initdb]
    if not found:
        pytest.skip(left_out + "there is no initdb (Debian package postgresql)")
    if os.geteuid() == 0 and not (shutil.which("runuser") and _has_user("postgres")):
        pytest.skip(left_out + "PostgreSQL refuses to run as root, and there is no runuser or no user postgres")
    return found[-1].parent


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run_postgres(binaries: Path, folder: Path) -> Iterator[PostgresServer]:
    with _free_port() as port:
        server = PostgresServer(port)
    data = folder / "data"
    secret = folder / "password"
    secret.write_text(server.password)
    secret.chmod(0o644)

    def call(name: str, *arguments: str) -> None:
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_postgres, str(binaries / name), *arguments]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout}"

    # Nothing here outlives the test, so nothing needs to reach the disk.
    call("initdb", "-D", str(data), "-U", server.user, "--pwfile", str(secret), "-A", "scram-sha-256", "--no-sync")
    options = f"-p {server.port} -k {folder} -c listen_addresses={server.host} -c fsync=off"
    call("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        with psycopg2_connection(server, "postgres") as connection, connection.cursor() as cursor:
            cursor.execute(f"create database {server.database}")
        yield server
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")


@contextmanager
def psycopg2_connection(server: PostgresServer, database: str):
    """A connection in autocommit mode that is closed at the end."""
    import psycopg2

    connection = psycopg2.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=database
    )
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]
