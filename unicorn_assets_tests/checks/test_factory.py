"""Checks as Dagster runs them: results, violating rows, and the verdict that later runs respect."""

from pathlib import Path

import dagster as dg
import pytest

from unicorn_assets.checks.factory import build_checks
from unicorn_assets.lake.verdicts import failed_checks
from unicorn_assets.partitions import register, shards_definition
from unicorn_assets.resources import LakeResource, RecipeResource
from unicorn_assets_tests.checks.test_queries import RECIPE
from unicorn_assets_tests.lakes import SHARD, TinyLake, tiny_lake


def run_checks(tiny: TinyLake, folder: Path) -> tuple[dg.ExecuteInProcessResult, list[str]]:
    """The checks of `captions` over one shard, as in a run of that partition; and the verdict they leave."""
    lake = tiny.write(folder)

    @dg.asset(key_prefix=RECIPE.name, partitions_def=shards_definition(RECIPE.name))
    def captions() -> None:
        """Made already."""

    checks = [found for found in build_checks(RECIPE) if "captions_checks" in found.node_def.name]
    definitions = dg.Definitions(
        [captions], asset_checks=checks, resources={"lake": LakeResource(url=lake.url, variant=RecipeResource())}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, RECIPE.name, [SHARD])
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, partition_key=SHARD, raise_on_error=False)
    info = lake.info("captions", SHARD)
    assert info is not None
    return result, failed_checks(lake, "captions", SHARD, info.content)


def test_a_sound_shard_passes_and_leaves_no_verdict(tmp_path: Path) -> None:
    result, verdict = run_checks(tiny_lake(), tmp_path)
    assert {check.check_name for check in result.get_asset_check_evaluations() if not check.passed} == set()
    assert len(result.get_asset_check_evaluations()) >= 6
    assert verdict == []


def test_damage_fails_with_its_rows_and_leaves_a_verdict(tmp_path: Path) -> None:
    tiny = tiny_lake()
    tiny.change("captions", "text", "another text")
    result, verdict = run_checks(tiny, tmp_path)
    failed = {check.check_name: check for check in result.get_asset_check_evaluations() if not check.passed}
    assert list(failed) == ["joined_to_parents"]
    assert failed["joined_to_parents"].blocking
    assert failed["joined_to_parents"].metadata["violations"].value == 1
    assert "c0000000000000000" in str(failed["joined_to_parents"].metadata["rows"].value)
    assert verdict == ["joined_to_parents"]
    assert not result.success


@pytest.mark.parametrize("words", [4, 51])
def test_the_recipe_sets_the_limits(words: int, tmp_path: Path) -> None:
    tiny = tiny_lake()
    tiny.change("captions", "words", words)
    _, verdict = run_checks(tiny, tmp_path)
    assert verdict == ["lengths_in_range"]
