"""`show` reads the tables of its lake, and neither does nor reads anything else, however it is asked."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from unicorn_assets.cli import app
from unicorn_assets.errors import UserError
from unicorn_assets.lake import browse as browsing
from unicorn_assets.lake.browse import browse
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.lakes import tiny_lake
from unicorn_assets_tests.small_lake import fill

SECRET = "the words of another file"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a lake, and files beside the lake that are nobody's business."""
    monkeypatch.chdir(tmp_path)
    tiny_lake().write(tmp_path / "home" / "lake")
    Path("other.csv").write_text(f"a\n{SECRET}\n", encoding="utf-8")
    pl.DataFrame({"a": [SECRET]}).write_parquet("other.parquet")
    Path("home/lake/beside.csv").write_text(f"a\n{SECRET}\n", encoding="utf-8")
    monkeypatch.setenv("OTHER", SECRET)
    return tmp_path


def show(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["show", *arguments, "--home", "home"], env={"COLUMNS": "200"})
    return result.exit_code, result.output


REACHING_OUT = (
    "select * from 'other.csv'", "select * from 'other.parquet'", "select * from read_csv('other.csv')",
    "select * from read_text('other.csv')", "select * from read_blob('/etc/passwd')", "select * from glob('*')",
    "select * from read_json('other.csv')", "select * from parquet_metadata('other.parquet')",
    "select * from parquet_schema('other.parquet')", "select * from sniff_csv('other.csv')",
    "select * from query('select * from read_text(''other.csv'')')", "select * from query_table('other.csv')",
    "select getenv('OTHER')", "select * from 'https://example.org/a.parquet'", "select * from 's3://bucket/a.parquet'",
    "select * from read_csv('home/lake/tables/../beside.csv')", "select * from read_csv('home/lake/beside.csv')",
    "select * from other", "select * from place", "select * from lake", "select * from sys.argv",
    "select * from duckdb_secrets()",
    "with a as (select 1) select * from a, 'other.csv'", "select (select a from 'other.csv')",
    "select * from enable_logging(storage := 'file', storage_path := 'written')",
)  # fmt: skip
DOING = (
    "select 1; select 2", "select 1; copy (select 1) to 'written'", "select 1) to 'written' --",
    "with a as (select 1) copy a to 'written'",
    "select 1; attach 'written'", "select 1; install httpfs", "select 1; load httpfs", "select 1; set threads = 9",
    "select 1; pragma database_list", "select 1; call pragma_version()",
    "with a as (select 1) insert into b select * from a",
    "select 1; export database 'written'", "select 1; create table a (b int)", "select", "select (", "select '", "with",
    "select * from captions) ; copy (select 1) to 'written' ; select * from (select 1",
)  # fmt: skip
JUNK = (
    "1=1) ; COPY (select 1) TO 'written' ; --", "1=1) ; COPY (select 1) TO 'written' ; select (1", "(", ")",
    "wrods > 3",    "'",
    '"', "--", "/*", ";", "1;1", "text", "1=1 LIMIT 5; --", "\x1b[2J", "[/]", "a" * 10_000,
    "(" * 3_000 + "1" + ")" * 3_000,
    "1 in (select a from 'other.csv')", "exists (select * from read_text('other.csv'))",
)  # fmt: skip


@pytest.mark.parametrize("query", [*REACHING_OUT, *DOING])
def test_a_query_reads_the_lake_and_does_nothing(query: str, place: Path) -> None:
    before = sorted(place.rglob("*"))
    code, output = show(query)
    assert code == 2, output
    assert SECRET not in output
    assert output.count("\n") <= 2
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("where", JUNK, ids=[ascii(where[:30]) for where in JUNK])
def test_a_condition_that_is_junk_is_one_line(where: str, place: Path) -> None:
    before = sorted(place.rglob("*"))
    code, output = show("captions", "--where", where)
    assert code == 2, output
    assert SECRET not in output
    assert output.count("\n") <= 2
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "query",
    [
        "select repeat('x', 2147483648)", "select length(repeat('x', 1900000000))", "select range(2000000000)",
        "select repeat('x', 1000000) from range(100000)", "select string_agg(repeat('x', 100000)) from range(100000)",
        "with recursive t(s) as (select 'xxxxxxxxxx' union select s || s from t) select max(length(s)) from t",
    ],
)  # fmt: skip
def test_a_query_that_is_too_large_says_so(query: str, place: Path) -> None:
    code, output = show(query, "--rows", "100000")
    assert code == 2, output[:1000]
    assert "memory" in output or "too large" in output


def test_a_query_that_does_not_end_is_ended(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "PATIENCE_S", 0.3)
    code, output = show("select count(*) from range(10000000) a, range(10000000) b where a.range * b.range = 7")
    assert code == 2
    assert "ended after 0.3 s" in output


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select count(*) AS n from captions;", [{"n": 4}]),
        ("select 1 AS a, 2 AS a -- two", [{"a": 1, "a_1": 2}]),
        ("select 'nan'::double AS a, 'inf'::float AS b", [{"a": None, "b": None}]),
        ("with a as (select 1 AS b) select * from a", [{"b": 1}]),
        ("select * from range(1000000000000) where range = 3 limit 1", [{"range": 3}]),
        ("select {'a': [1, 2]} AS s, map {'k': 1} AS m", [{"s": {"a": [1, 2]}, "m": {"k": 1}}]),
        ("select 'a\u202e' AS a", [{"a": "a\u202e"}]),
    ],
)
def test_what_a_select_gives(query: str, expected: list[dict[str, object]], place: Path) -> None:
    code, output = show(query, "--json")
    assert code == 0, output
    assert json.loads(output) == expected


def test_every_type_of_duckdb_is_shown_or_named(place: Path) -> None:
    columns = pl.Series(
        browse(Lake("home/lake"), "select column_name AS c from (describe from test_all_types())", 99)["c"]
    )
    assert len(columns) > 40
    for column in columns:
        query = f'select "{column}" from test_all_types()'
        result = CliRunner().invoke(app, ["show", query, "--json", "--home", "home"])
        assert result.exit_code in (0, 2), result.output
        json.loads(result.stdout, parse_constant=pytest.fail)


def test_tables_are_read_on_disk_and_on_s3(lake: Lake) -> None:
    fill(lake)
    assert browse(lake, "captions", 3).height == 3
    assert browse(lake, "select count(*) AS n from quarantine", 1)["n"][0] > 0
    assert browse(lake, "ledger", 3).height == 0
    for query in ("select * from 's3://other/a.parquet'", "select * from read_text('/etc/passwd')"):
        with pytest.raises(UserError):
            browse(lake, query, 1)


def test_a_lake_in_a_folder_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a] *lake*? ü"
    tiny_lake().write(folder)
    assert browse(Lake(str(folder)), "captions", 9).height == 4


def test_an_interrupt_ends_a_query_at_once(place: Path) -> None:
    code = (
        "import os, signal, threading\n"
        "from unicorn_assets.cli import main\n"
        "threading.Timer(6, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "main()\n"
    )
    query = "select count(*) from range(10000000) a, range(10000000) b where a.range * b.range = 7"
    found = subprocess.run(
        [sys.executable, "-c", code, "show", query, "--home", "home"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 130, found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("where", ["words > 3 ORDER BY words", "words > 3 LIMIT 2", "true GROUP BY text"])
def test_a_condition_with_more_behind_it_says_where_that_belongs(where: str, place: Path) -> None:
    code, output = show("captions", "--where", where)
    assert code == 2, output
    assert "--where takes one condition" in output
    assert 'give a query: unicorn show "select * from captions order by words"' in output
