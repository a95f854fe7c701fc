"""The journal on an object store, against moto's S3 server in a process of its own."""

import secrets

import pytest

from unicorn_assets.ids import digest
from unicorn_assets.llm.errors import JournalBroken
from unicorn_assets.llm.journal import Journal, upkeep
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.journal.test_journal import answer, same
from unicorn_assets_tests.llm.rows import rows
from unicorn_assets_tests.servers import S3Server, s3_server  # noqa: F401 - a fixture


@pytest.fixture
def bucket(s3_server: S3Server) -> tuple[S3Server, str]:  # noqa: F811
    name = f"lake-{secrets.token_hex(4)}"
    s3_server.make_bucket(name)
    return s3_server, name


def open_journal(bucket: tuple[S3Server, str]) -> Journal:
    server, name = bucket
    return Journal.open(f"s3://{name}/lake", storage_options=server.storage_options)


def test_group_commit_reopen_and_compaction(bucket, monkeypatch):
    server, name = bucket
    with open_journal(bucket) as journal:
        for number in range(200):
            journal.put(answer(number))
        journal.flush()
        assert all(same(journal.get(digest(number)), answer(number)) for number in range(200))
    parts = [key for key in server.keys(name) if key.endswith(".part")]
    assert 1 <= len(parts) <= 4 + 1  # groups of 64
    assert all(key.startswith("lake/journal/") for key in parts)
    monkeypatch.setattr(upkeep, "COMPACT_AT", 2)
    monkeypatch.setattr(upkeep, "INDEX_AT", 100)
    with open_journal(bucket) as journal:
        journal.put(answer(200))
        assert all(same(journal.get(digest(number)), answer(number)) for number in range(201))
    upkeep.compact(open_journal(bucket)._store, at_least=2)
    assert len([key for key in server.keys(name) if key.endswith(".part")]) == 1
    with open_journal(bucket) as journal:
        assert all(same(journal.get(digest(number)), answer(number)) for number in range(201))


def test_a_damaged_object_is_set_aside(bucket):
    server, name = bucket
    with open_journal(bucket) as journal:
        for number in range(50):
            journal.put(answer(number))
    (part,) = [key for key in server.keys(name) if key.endswith(".part")]
    raw = server.read(name, part)
    server._client().put_object(Bucket=name, Key=part, Body=raw[:-5])
    with open_journal(bucket) as journal:
        assert [damage.name for damage in journal.damage] == [part.rsplit("/", 1)[-1]]
    assert f"{part}.damaged" in server.keys(name)


def test_a_run_over_s3_asks_once(bucket, tmp_path):
    from unicorn_assets.llm.client.engine import generate
    from unicorn_assets.llm.endpoints import open_endpoint
    from unicorn_assets_tests.llm.rows import settings_for

    with FaultyServer() as server:
        settings = settings_for(server.url)
        for _ in range(2):
            with open_journal(bucket) as journal, open_endpoint(settings) as endpoint:
                assert len(list(generate(rows(100), endpoint, journal, settings))) == 100
        assert server.requests == 100


def test_missing_bucket_is_one_clear_line(s3_server: S3Server):  # noqa: F811
    journal = Journal.open("s3://no-such-bucket-here/lake", storage_options=s3_server.storage_options)
    journal.put(answer(1))
    with pytest.raises(JournalBroken, match="no-such-bucket-here"):
        journal.flush()
    with pytest.raises(JournalBroken):
        journal.close()
