"""The state of every shard, in the lake of a test: each kind of harm shows in its cell, and nothing else does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unicorn_assets.health import State, health
from unicorn_assets.health.page import About, health_page, summary
from unicorn_assets.health.rates import rates
from unicorn_assets.lake.shards import path_of, shard_info
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lake.verdicts import Broken, Verdict, look, write_verdict
from unicorn_assets.page import page
from unicorn_assets.terminal.health import health_lines
from unicorn_assets_tests.small_lake import SHARDS, fill

SHARD = SHARDS[1]
ABOUT = About("here", "now", {"captions": "3"})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = fill(Lake(str(tmp_path / "lake")))
    judge_all(made)
    return made


def judge_all(lake: Lake) -> None:
    for asset, row in health(lake).cells.items():
        for shard, cell in row.items():
            if cell.rows and not asset.startswith("unicorn"):
                info = shard_info(lake, asset, shard)
                assert info is not None
                write_verdict(lake, asset, shard, Verdict(info.content))


def flip(lake: Lake) -> None:
    path = Path(lake.files.path(path_of("captions", SHARD)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(lake: Lake) -> None:
    lake.files.remove(path_of("captions", SHARD))


def never_made(lake: Lake) -> None:
    remove(lake)
    lake.files.remove(f"verdicts/captions/{SHARD}.json")


def reseal(lake: Lake) -> None:
    info = lake.info("captions", SHARD)
    assert info is not None
    lake.write("captions", SHARD, lake.read("captions", SHARD).head(1), info.made)


def broken(lake: Lake, blocks: bool = True) -> None:
    info = lake.info("captions", SHARD)
    assert info is not None
    write_verdict(lake, "captions", SHARD, Verdict(info.content, "", {"keys_unique": Broken(2, blocks)}))


def warned(lake: Lake) -> None:
    broken(lake, blocks=False)


def stale(lake: Lake) -> None:
    made = Made("r", "v", {f"caption_drafts/{SHARD}": "of before"})
    lake.write("captions", SHARD, lake.read("captions", SHARD), made)


HARM = {
    State.DAMAGED: flip, State.FAILED: broken, State.MISSING: never_made, State.UNCHECKED: reseal, State.WARNED: warned,
    State.STALE: stale,
}  # fmt: skip


def not_good(lake: Lake) -> dict[tuple[str, str], State]:
    """Of what the small lake holds of captions."""
    found = health(lake).cells["captions"]
    return {("captions", shard): cell.state for shard, cell in found.items() if cell.state is not State.GOOD}


@pytest.mark.parametrize(("state", "harm"), [*HARM.items(), (State.DAMAGED, remove)])
def test_each_harm_shows_in_its_cell_alone(lake: Lake, state: State, harm: Callable[[Lake], None]) -> None:
    assert not_good(lake) == {}
    harm(lake)
    lake = Lake(lake.url)
    assert not_good(lake) == {("captions", SHARD): state}
    text = health_page(health(lake), (), ABOUT)
    assert text.count(f'<i class="{state}" ') + text.count(f'<i class="{state}">') >= 2, "the legend, and the cell"
    assert f"captions {SHARD}: {state}" in text


def test_refused_rows_that_are_gone_are_damage(lake: Lake) -> None:
    info = lake.info("captions", SHARD)
    assert info is not None
    lake.write("captions", SHARD, lake.read("captions", SHARD), info.made, {"quarantined": {"near_duplicate": 1}})
    assert look(lake, "captions", [SHARD])[SHARD].damage == ""
    lake.files.remove(lake.path("quarantine/captions", SHARD))
    assert "refused" in look(lake, "captions", [SHARD])[SHARD].damage


def test_the_page_fetches_nothing_and_takes_texts_for_texts(lake: Lake) -> None:
    broken(lake)
    about = About("<b>lake</b>", "now", {"a & b": "<script>"})
    text = health_page(health(lake), rates(health(lake), None), about)
    for banned in ("http:", "https:", "src=", "@import", "url(", "<script>", "<b>lake"):
        assert banned not in text
    assert "materialize captions" in text


def test_rates_are_shares_of_what_came_and_are_set_against_the_release_before(lake: Lake) -> None:
    info = lake.info("captions", SHARD)
    assert info is not None
    lake.write("captions", SHARD, lake.read("captions", SHARD), info.made, {"quarantined": {"near_duplicate": 1}})
    before = {"counts": {"rows": {"captions": 9}, "quarantined": {"captions": {"too_short": 1}}}}
    found = {each.reason: each for each in rates(health(lake), before) if each.stage == "captions"}
    kept = sum(cell.rows for cell in health(lake).cells["captions"].values())
    assert found["near_duplicate"].share == 1 / (kept + 1)
    assert (found["near_duplicate"].before, found["too_short"].before) == (0.0, 0.1)
    assert found["too_short"].rows == 0


def test_a_strip_is_as_wide_as_the_terminal_and_shows_the_worst_of_neighbours(lake: Lake) -> None:
    flip(lake)
    lines = [line.plain for line in health_lines(health(Lake(lake.url)), 30)]
    (captions,) = [line for line in lines if line.startswith("captions ")]
    assert "D" in captions.split()[1]
    assert max(len(line) for line in lines if line[:1].isalpha() and line.startswith(("captions ", "seeds "))) <= 36
    assert any(line.startswith(f"damaged captions {SHARD}: its bytes") for line in lines)


def test_an_empty_lake_is_not_called_good(tmp_path: Path) -> None:
    found = health(Lake(str(tmp_path)))
    assert "not all of it is known to be good" in summary(found).lower()
    assert found.cells["seed_catalog"][ALL].state is State.MISSING
    assert page("t", ["x"]).startswith("<!DOCTYPE html>")
