from pathlib import Path

import pytest

from unicorn_assets.home import find_home, remember


def test_arguments_beat_the_environment_which_beats_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNICORN_HOME", "UNICORN_LAKE", "UNICORN_RECIPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert find_home().root == tmp_path / ".unicorn"
    assert find_home().recipe.name == "demo.yaml"
    remember(find_home(recipe="mine.yaml", lake="s3://bucket/mine"))
    assert find_home().recipe == tmp_path / "mine.yaml"
    assert find_home().lake_url == "s3://bucket/mine"
    monkeypatch.setenv("UNICORN_LAKE", "elsewhere")
    assert find_home().lake_url == "elsewhere"
    assert find_home(lake="argument").lake_url == "argument"
