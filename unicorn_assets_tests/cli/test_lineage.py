"""`unicorn lineage`, `sql`, `impact` and `diff` as commands: forms of output, exit codes, mistakes in one line."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from unicorn_assets.cli import app
from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_pretrain
from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    lake = fill(Lake(str(home / "lake")))
    release_pretrain(lake, small_recipe(), SHARDS, facts())
    return home


def unicorn(place: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(place)], env={"COLUMNS": "300", "UNICORN_LAKE": ""})


def test_a_result_is_a_table_json_or_csv(place: Path) -> None:
    query = "select count(*) AS n, list(distinct source) AS s, null AS nothing from seeds where source = 'birds'"
    table = unicorn(place, "sql", query)
    assert "1 rows" in table.output
    assert json.loads(unicorn(place, "sql", query, "--json").stdout) == [{"n": 8, "s": ["birds"], "nothing": None}]
    rows = list(csv.reader(io.StringIO(unicorn(place, "sql", query, "--csv").stdout)))
    assert rows == [["n", "s", "nothing"], ["8", '["birds"]', ""]]


def test_without_a_query_the_views_are_listed(place: Path) -> None:
    listed = unicorn(place, "sql")
    assert listed.exit_code == 0
    assert "journal" in listed.output
    views = {view["view"]: view["columns"] for view in json.loads(unicorn(place, "sql", "--json").stdout)}
    assert views["captions"]["words"]["about"] == "words in the caption"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sql", "select wrods from captions"), "DuckDB cannot run this"),
        (("sql", "select * from captoins"), "did you mean captions?"),
        (("sql", "drop table captions"), "takes one SELECT"),
        (("sql", "select 1", "--json", "--csv"), "two forms of one result"),
        (("impact",), "say one change"),
        (("impact", "--prompt", "a", "--seed", "b"), "say one change"),
        (("impact", "--source", "bird"), "did you mean birds?"),
        (("impact", "--source", "birds", "--all"), "--all goes with --gate"),
        (("diff", "unicorn_1_2m", "nothing"), "is no release and no folder"),
        (("lineage", "s0123"), "no row of the lake"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], words: str, place: Path) -> None:
    result = unicorn(place, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) <= 2


def test_a_recipe_of_another_lake_is_refused_when_it_is_asked_for(place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nsources: [{name: a, path: a.txt}]\nllm: {endpoint: embedded}\n")
    Lake(str(place / "lake")).files.write("recipe-name", b"small\n")
    wrong = unicorn(place, "lineage", "birds.csv:5", "--recipe", str(tmp_path / "mine.yaml"))
    assert wrong.exit_code == 2
    assert "holds the data of recipe 'small'" in wrong.stderr
    assert unicorn(place, "lineage", "birds.csv:5").exit_code == 0


HEAVY = (
    "duckdb", "fsspec", "asyncio", "dagster", "torch", "open_clip", "transformers", "timm", "vllm", "xllamacpp",
    "matplotlib", "pyarrow", "s3fs", "botocore", "aiohttp", "openai", "llvmlite", "usearch", "rensa", "scipy",
    "sklearn", "PIL", "datasets",
)  # fmt: skip
"""What a lineage on a local disk has no use for, and which costs from a twentieth of a second to several."""


@pytest.mark.parametrize("row", ["birds.csv:5", "unicorn_1_2m:1", SHARDS[1]])
def test_a_lineage_loads_no_package_that_it_has_no_use_for(row: str, place: Path) -> None:
    program = (
        f"import sys; sys.argv = ['unicorn', 'lineage', {row!r}, '--json', '--home', {str(place)!r}]\n"
        f"from unicorn_assets.cli import main\n"
        f"try:\n    main()\nfinally:\n    print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNICORN_")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True, env=environment
    )
    assert json.loads(done.stdout)["steps"]
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_a_release_is_compared_with_itself(place: Path) -> None:
    found = json.loads(unicorn(place, "diff", "unicorn_1_2m", "unicorn_1_2m", "--json").stdout)
    assert (found["same"], found["rows_in_total"], found["changed_total"]) == (found["rows_a"], 0, 0)
    assert "unchanged" in unicorn(place, "diff", "unicorn_1_2m", "unicorn_1_2m").output


def test_an_impact_is_told_in_words_and_json(place: Path) -> None:
    assert "shards: birds-00000, birds-00001" in unicorn(place, "impact", "--source", "birds").output
    found = json.loads(unicorn(place, "impact", "--source", "birds", "--json").stdout)
    assert found["tables"]["captions"]["rows"] == 4
    assert found["total"]["calls"] > 0
