"""Catalog and releases get a freshness policy where the environment says how old they may grow, nothing else does."""

from pathlib import Path

import pytest

from unicorn_assets.definitions import build_defs
from unicorn_assets.graph import RELEASES
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_name


def fresh(tmp_path: Path) -> set[str]:
    graph = build_defs(find_home(str(tmp_path))).resolve_asset_graph()
    return {asset_name(key) for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy}


def test_freshness_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNICORN_FRESH_HOURS", raising=False)
    assert fresh(tmp_path) == set()
    monkeypatch.setenv("UNICORN_FRESH_HOURS", "26")
    assert fresh(tmp_path) == {"seed_catalog", *RELEASES}
