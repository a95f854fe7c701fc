"""A lake belongs to one recipe, also for steps that the UI launches."""

from pathlib import Path

import dagster as dg
import pytest

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import Lake

RECIPE = "name: {name}\nsources: [{{name: lines, path: {name}.txt}}]\nllm: {{}}\n"


@pytest.fixture
def catalog_of(tmp_path: Path):
    """Materializes the catalog of a recipe on the one lake, as the UI does."""

    def run(name: str) -> dg.ExecuteInProcessResult:
        (tmp_path / f"{name}.txt").write_text(f"a {name} on a lake\n")
        (tmp_path / f"{name}.yaml").write_text(RECIPE.format(name=name))
        home = Home(tmp_path / f"home-{name}", str(tmp_path / "lake"), tmp_path / f"{name}.yaml")
        with dg.DagsterInstance.ephemeral() as instance:
            job = build_defs(home).resolve_implicit_global_asset_job_def()
            chosen = [asset_key(name, "seed_catalog")]
            return job.execute_in_process(asset_selection=chosen, instance=instance, raise_on_error=False)

    return run


def test_another_recipe_does_not_overwrite_the_catalog(catalog_of, tmp_path: Path) -> None:
    assert catalog_of("boat").success
    before = Lake(str(tmp_path / "lake")).read("seed_catalog")
    refused = catalog_of("kite")
    (failure,) = [event for event in refused.all_events if event.is_step_failure]
    assert "holds the data of recipe 'boat', not of 'kite'" in failure.step_failure_data.user_failure_data.description
    assert Lake(str(tmp_path / "lake")).read("seed_catalog").equals(before)
    assert catalog_of("boat").success
