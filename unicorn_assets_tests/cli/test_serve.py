"""The page about a lake's health over HTTP: what is so now, nothing else, and a link to it on each asset."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from unicorn_assets.automation.health_link import LABEL
from unicorn_assets.cli import serve
from unicorn_assets.definitions import build_defs
from unicorn_assets.errors import UserError
from unicorn_assets.graph import ASSETS
from unicorn_assets.home import find_home
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.small_lake import SHARDS, fill


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(serve, "KEPT_S", 0.0)
    fill(Lake(str(tmp_path / "lake")))
    with serve.server_of(find_home(str(tmp_path), str(tmp_path / "lake")), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return str(answer.read().decode())


def test_the_page_is_of_now_and_the_only_one(url: str, tmp_path: Path) -> None:
    cell = f"captions {SHARDS[1]}: "
    assert f"{cell}damaged" not in read(url)
    Lake(str(tmp_path / "lake")).files.remove(f"tables/captions/{SHARDS[1]}.parquet")
    assert f"{cell}missing" in read(f"{url}/?again")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read(f"{url}/../lake")
    with pytest.raises(UserError, match="cannot listen"):
        serve.server_of(find_home(str(tmp_path)), int(url.rsplit(":", 1)[1]))


def test_each_asset_links_to_it_where_it_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNICORN_HEALTH_URL", "http://127.0.0.1:3001")
    graph = build_defs(find_home(str(tmp_path))).resolve_asset_graph()
    told = {key.path[-1]: graph.get(key).description or "" for key in graph.get_all_asset_keys()}
    assert [name for name in ASSETS if f"[{LABEL}](http://127.0.0.1:3001)" not in told[name]] == []
    monkeypatch.setenv("UNICORN_HEALTH_URL", "javascript:alert(1)")
    with pytest.raises(UserError, match="UNICORN_HEALTH_URL"):
        build_defs(find_home(str(tmp_path)))
