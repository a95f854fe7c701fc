"""Whether two lakes hold the same, but for times and the books of what was asked."""

import shutil
from pathlib import Path
from typing import Any

from unicorn_assets.home import Home
from unicorn_assets.lake.store import Lake
from unicorn_assets_tests.finished import contents, finished


def differences(one: Lake, other: Lake) -> list[str]:
    """Names of shards, artifacts and releases that two lakes do not have alike."""
    left, right = timeless(one), timeless(other)
    return sorted(name for name in {*left, *right} if left.get(name) != right.get(name))


def timeless(lake: Lake) -> dict[str, Any]:
    """Contents without the books of what was asked, and of refused rows all but the time."""
    found = {name: content for name, content in contents(lake).items() if not name.startswith("tables/ledger/")}
    for name in found:
        if name.startswith("tables/quarantine/"):
            table, shard = name.removeprefix("tables/").removesuffix(".parquet").rsplit("/", 1)
            found[name] = lake.read(table, shard).drop("at").write_ndjson()
    return found


def made_in_one_go(home: Home, folder: Path) -> Lake:
    """A lake of the same sources and recipe that one undisturbed `unicorn run` has made, with a server of its own."""
    folder.mkdir()
    with finished(folder, 8) as made:
        lines = home.recipe.read_text().splitlines()
        (own,) = [line for line in made.recipe.read_text().splitlines() if line.startswith("llm: ")]
        shutil.copytree(home.recipe.parent, folder, dirs_exist_ok=True)
        made.recipe.write_text("\n".join(own if line.startswith("llm: ") else line for line in lines) + "\n")
        done = made.run(folder / "one-go")
        assert done.exit_code == 0, done.output
    return Lake(str(folder / "one-go" / "lake"))
