"""The one table of the graph against everything that is made from it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from unicorn_assets.automation import local_run
from unicorn_assets.checks.queries import queries
from unicorn_assets.definitions import build_defs
from unicorn_assets.graph import (
    ARTIFACTS,
    ASKING,
    ASSETS,
    REFUSING,
    RELEASES,
    TABLES,
    TASK_NAMES,
    VECTORS,
    ancestors,
    llm_first,
    stretches,
)
from unicorn_assets.home import find_home
from unicorn_assets.keys import asset_name
from unicorn_assets.lake import quarantine, schemas
from unicorn_assets.recipe import Instructions
from unicorn_assets.stages import stages
from unicorn_assets.terminal.report import SHOWN
from unicorn_assets_tests.scripted import recipe

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = find_home(str(tmp_path_factory.mktemp("home")), recipe=str(ROOT / "recipes" / "demo.yaml"))
    return build_defs(home).resolve_asset_graph()


def test_dagster_draws_what_the_table_says(drawn: Any) -> None:
    keys = {asset_name(key): drawn.get(key) for key in drawn.get_all_asset_keys()}
    assert set(keys) == set(ASSETS)
    for name, node in keys.items():
        asset = ASSETS[name]
        assert {asset_name(parent) for parent in node.parent_keys} == set(asset.parents)
        assert (node.is_partitioned, node.group_name) == (asset.by_shard, asset.group)
        assert node.description == asset.about


def test_parents_come_first() -> None:
    seen: set[str] = set()
    for asset in ASSETS.values():
        assert set(asset.parents) <= seen, asset.name
        seen.add(asset.name)


def test_every_asset_has_checks_a_schema_docs_a_place_in_status_and_in_the_local_run() -> None:
    kinds = [TABLES, VECTORS, tuple(ARTIFACTS), RELEASES]
    assert sorted(name for names in kinds for name in names) == sorted(ASSETS)  # each of exactly one kind
    assert set(queries()) == set(ASSETS)
    assert set(schemas.TABLES) == {*TABLES, "ledger", "quarantine"}
    assert [asset.name for asset in SHOWN] == [name for name in ASSETS if name in {*TABLES, *VECTORS}]
    assert [name for part in local_run.PARTS for name in part] == list(llm_first()[0] + llm_first()[1])
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for name in ASSETS:
        assert f"`{name}`" in page


def test_whoever_asks_is_a_stage_and_can_be_asked_again() -> None:
    assert tuple(stages(recipe())) == ASKING
    for stage in stages(recipe()).values():
        assert (stage.parent in ASSETS[stage.name].parents, stage.name in REFUSING) == (True, True)
    # What is refused without an LLM's fault needs other advice than a retry.
    assert set(quarantine.NO_ANSWER) == set(REFUSING) - set(ASKING)


def test_every_task_has_a_recipe_section_and_a_share() -> None:
    assert [name for name in Instructions.model_fields if name not in ("share", "blind", "judge")] == list(TASK_NAMES)
    shares = recipe().instructions.shares()
    assert list(shares) == list(TASK_NAMES)
    assert sum(shares.values()) == pytest.approx(recipe().instructions.share)


def test_the_llm_is_asked_for_everything_before_anything_is_embedded() -> None:
    first, rest = llm_first()
    assert set(ASKING) <= set(first)
    assert set(VECTORS) <= set(rest)
    assert sorted(first + rest) == sorted(ASSETS)


@pytest.mark.parametrize("names", [tuple(ASSETS), *llm_first(), ancestors("captions"), ("captions", "transfer")])
def test_stretches_hold_each_asset_once_behind_its_parents(names: tuple[str, ...]) -> None:
    found = list(stretches(names))
    assert sorted(name for stretch in found for name in stretch) == sorted(names)
    done: set[str] = set()
    for stretch in found:
        assert len({ASSETS[name].by_shard for name in stretch}) == 1
        for name in stretch:
            assert set(ASSETS[name].parents) & set(names) <= done | set(stretch)
        done |= set(stretch)
    assert all(ASSETS[one[0]].by_shard != ASSETS[two[0]].by_shard for one, two in pairwise(found))


def test_ancestors() -> None:
    assert ancestors("near_duplicates") == ("seed_catalog", "seeds", "caption_drafts", "near_duplicates")
    assert "text_embeddings" not in ancestors("instructions")
    assert set(ancestors(*RELEASES)) == set(ASSETS)
