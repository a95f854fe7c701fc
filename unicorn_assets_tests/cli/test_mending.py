"""Damage at rest and the next `unicorn run`: everything is there again, and the LLM was asked nothing."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.graph import ASSETS
from unicorn_assets.lake.store import Lake, content_hash
from unicorn_assets.terminal.report import gather
from unicorn_assets_tests.damage import files_of
from unicorn_assets_tests.finished import Data, contents, finished, unicorn

AGAIN = ("tables/", "vectors/", "artifacts/", "statistics/", "releases/")
"""What is made again of journal and parents."""
TEXTS = (("seeds", "caption_drafts"), ("near_duplicates",), ("captions", "text_embeddings"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    with finished(tmp_path_factory.mktemp("made")) as data:
        yield data


@pytest.fixture
def home(made: Data, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.home, tmp_path / "home"))


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def held(lake: Lake) -> dict[str, Any]:
    """What must be the same again: all but the ledger, in which each making is a row of its own, and the times at which
    rows came into quarantine.
    """
    found = {name: content for name, content in contents(lake).items() if not name.startswith("tables/ledger/")}
    for name in found:
        if name.startswith("tables/quarantine/"):
            rows = lake.read(*name.removeprefix("tables/").removesuffix(".parquet").rsplit("/", 1))
            found[name] = content_hash(rows.drop("at"))
    return found


def test_progress_of_every_stage_ends_at_what_there_was_to_do(made: Data) -> None:
    """Who reports sums to a progress that adds, or other rows than it announced, shows here."""
    ended = re.findall(r"^(\w+): ([\d,]+) of ([\d,]+) \w+,.* in [\d,.]+ s$", made.said, re.MULTILINE)
    to_do = [a.name for a in ASSETS.values() if a.by_shard and a.name != "complex_reasoning"]  # of weight 0
    assert sorted(name for name, _, _ in ended) == sorted(to_do), made.said
    steps = [ASSETS[name].step or name for name, _, _ in ended]  # of one step they end in any order
    assert steps == [ASSETS[name].step or name for name in to_do], made.said
    assert [(name, done) for name, done, _ in ended] == [(name, total) for name, _, total in ended]
    rows = {name: table.rows for name, table in gather(Lake(str(made.home / "lake"))).tables.items()}
    unknown = dict(re.findall(r"^(\w+): ([\d,]+) \w+,.* in [\d,.]+ s$", made.said, re.MULTILINE))
    sums = {"seed_catalog": "seed_catalog", "near_duplicates": "caption_drafts",
            "unicorn_1_2m": "captions", "unicorn_471k_instruction": "instructions"}  # fmt: skip
    assert {name: int(unknown[name].replace(",", "")) for name in sums} == {n: rows[of] for n, of in sums.items()}


@pytest.mark.parametrize(("shard", "harm"), [("", flip), ("lines-00000", cut)])
def test_what_is_damaged_is_made_again_without_asking(
    made: Data, home: Path, shard: str, harm: Callable[[bytes], bytes]
) -> None:
    root = home / "lake"
    before, asked = held(Lake(str(root))), made.server.calls
    names = [name for name in files_of(root) if name.startswith(AGAIN) and shard in name and "LATEST" not in name]
    kinds = {name.rpartition("/")[0] for name in names}
    assert len(kinds) >= (15 if shard else 20), kinds
    for name in names:
        (root / name).write_bytes(harm((root / name).read_bytes()))
    found = unicorn(home, "verify")
    assert found.exit_code == 1, found.output
    done = made.run(home)
    assert done.exit_code == 0, done.output
    assert "Traceback" not in done.output
    assert "asked the LLM for 0 tokens in this run\n" in done.output
    assert made.server.calls == asked
    assert held(Lake(str(root))) == before
    assert unicorn(home, "verify").exit_code == 0, "nothing that was damaged lies in its place any more"
    assert gather(Lake(str(root))).spent == gather(Lake(str(made.home / "lake"))).spent


def test_on_s3_what_breaks_off_or_is_something_else_is_found(s3_url: str, tmp_path: Path) -> None:
    with finished(tmp_path, rows=16, lake=s3_url, parts=TEXTS) as data:
        lake = Lake(s3_url)
        before, asked = held(lake), data.server.calls
        for name, change in {
            "tables/captions/lines-00000.parquet": cut,
            "tables/quarantine/caption_drafts/more-00000.parquet": lambda _: b"<html>",
            "vectors/text_embeddings/lines-00000.safetensors": lambda data: b"junk" * len(data),
        }.items():
            lake.files.write(name, change(lake.files.read(name)))
        done = data.run(data.home, "--lake", s3_url)
        assert done.exit_code == 0, done.output
        assert held(Lake(s3_url)) == before
        # Of vectors a run on S3 reads the description, which stands first: what breaks off is for `verify` to find.
        name = "vectors/text_embeddings/more-00000.safetensors"
        lake.files.write(name, cut(lake.files.read(name)))
        found = unicorn(data.home, "verify", "--lake", s3_url, "--repair")
        assert found.exit_code == 1, found.output
        assert [line.split(": ")[0] for line in found.output.splitlines() if "damaged " in line] == [f"damaged {name}"]
        assert data.run(data.home, "--lake", s3_url).exit_code == 0
        assert held(Lake(s3_url)) == before
        assert data.server.calls == asked
