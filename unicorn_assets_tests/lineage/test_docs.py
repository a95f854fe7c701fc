"""The page about lineage: its queries run, its commands exist."""

import re
from pathlib import Path

import pytest

from unicorn_assets.lake.store import Lake
from unicorn_assets.lineage.views import query

PAGE = (Path(__file__).parents[2] / "docs" / "lineage.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_five() -> None:
    assert len(QUERIES) == 5


@pytest.mark.parametrize("sql", QUERIES)
def test_its_queries_run(sql: str, home: Path) -> None:
    found = query(Lake(str(home / "lake")), sql)
    assert found.columns
    assert found.height or "ANTI JOIN" in sql
