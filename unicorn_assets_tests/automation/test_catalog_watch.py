"""The sensor over a folder: it waits until nobody writes there."""

import json
from pathlib import Path

import dagster as dg

from unicorn_assets.automation.catalog_watch import build_catalog_watch
from unicorn_assets.definitions import build_defs
from unicorn_assets.home import Home


def test_new_files_are_asked_for_when_two_looks_see_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "seeds"
    folder.mkdir()
    (tmp_path / "recipe.yaml").write_text(
        "name: mine\nsources: [{name: lines, path: seeds}]\nllm: {endpoint: url, url: http://127.0.0.1:9, model: m}\n"
    )
    home = Home(tmp_path, str(tmp_path / "lake"), tmp_path / "recipe.yaml")
    sensor, repository = build_catalog_watch(home), build_defs(home).get_repository_def()

    def write(name: str, *texts: str) -> None:
        (folder / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))

    with dg.DagsterInstance.ephemeral() as instance:
        cursor = None

        def look() -> bool:
            nonlocal cursor
            result = sensor.evaluate_tick(dg.build_sensor_context(instance, cursor, repository_def=repository))
            cursor = result.cursor
            return bool(result.run_requests)

        assert not look()  # an empty folder
        write("a.jsonl", "a cat")
        assert not look()
        write("a.jsonl", "a cat", "a dog")  # it grows
        assert not look()
        assert look()
        assert not look()
        write("b.jsonl", "a kite")
        assert not look()
        assert look()
