"""Two data sets on one instance: neither deletes the other's keys nor touches its records or its lake."""

import runpy
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.load import location_origins_from_yaml_paths

from unicorn_assets.automation.local_run import CONFIG
from unicorn_assets.definitions import build_defs
from unicorn_assets.home import Home
from unicorn_assets.keys import asset_key
from unicorn_assets.lake.store import Lake
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards

WORKSPACE = Path(__file__).parents[1] / "deploy" / "data-sets" / "workspace.yaml"
RECIPE = "name: {name}\nshard_rows: 2\nsources: [{{name: lines, path: {name}.txt}}]\nllm: {{}}\n"
ROWS = {"boat": 5, "kite": 3}  # their shards have the same names: three of one, two of the other


class Instance:
    """What the UI does on one instance with the code locations of both."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        for name, rows in ROWS.items():
            (folder / f"{name}.txt").write_text("".join(f"a {name} on lake {row}\n" for row in range(rows)))
            (folder / f"{name}.yaml").write_text(RECIPE.format(name=name))

    def materialize(self, name: str, asset: str, lake: str) -> dg.ExecuteInProcessResult:
        home = Home(self.folder / f"home-{name}", str(self.folder / lake), self.folder / f"{name}.yaml")
        shards = known_shards(self.instance, name)
        tags = {RANGE_START: shards[0], RANGE_END: shards[-1]} if asset == "seeds" else {}
        return build_defs(home).resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[asset_key(name, asset)], instance=self.instance, tags=tags, raise_on_error=False,
            run_config=CONFIG,
        )  # fmt: skip

    def seen(self, name: str) -> tuple[list[str], set[str], int]:
        """Partition keys, shards of seeds that the UI shows as made, materializations of the catalog."""
        made = self.instance.get_materialized_partitions(asset_key(name, "seeds"))
        catalogs = self.instance.fetch_materializations(asset_key(name, "seed_catalog"), limit=9).records
        return known_shards(self.instance, name), made, len(catalogs)


@pytest.fixture
def instance(tmp_path: Path):
    with dg.DagsterInstance.ephemeral() as found:
        yield Instance(tmp_path, found)


@pytest.mark.parametrize("order", [("boat", "kite"), ("kite", "boat")])
def test_each_has_its_keys_its_history_and_its_lake(instance: Instance, tmp_path: Path, order: tuple[str, str]) -> None:
    for asset in ("seed_catalog", "seeds"):
        for name in order:
            assert instance.materialize(name, asset, f"lake-{name}").success
    for name, rows in ROWS.items():
        shards = [f"lines-{number:05d}" for number in range((rows + 1) // 2)]
        assert instance.seen(name) == (shards, set(shards), 1)
        assert Lake(str(tmp_path / f"lake-{name}")).read("seed_catalog").height == rows


@pytest.mark.parametrize("order", [("boat", "kite"), ("kite", "boat")])
def test_another_recipe_does_not_overwrite_a_lake(instance: Instance, tmp_path: Path, order: tuple[str, str]) -> None:
    owner, other = order
    assert instance.materialize(owner, "seed_catalog", "lake").success
    before = Lake(str(tmp_path / "lake")).read("seed_catalog"), instance.seen(owner)
    refused = instance.materialize(other, "seed_catalog", "lake")
    (failure,) = [event for event in refused.all_events if event.is_step_failure]
    words = f"holds the data of recipe {owner!r}, not of {other!r}"
    assert words in failure.step_failure_data.user_failure_data.description
    assert Lake(str(tmp_path / "lake")).read("seed_catalog").equals(before[0])
    assert (instance.seen(owner), instance.seen(other)) == (before[1], ([], set(), 0))
    assert instance.materialize(owner, "seed_catalog", "lake").success


def test_the_workspace_of_two_data_sets_shares_no_key_between_them() -> None:
    origins = location_origins_from_yaml_paths([str(WORKSPACE)])
    keys, partitions = [], []
    for origin in origins:
        defs = runpy.run_path(origin.loadable_target_origin.python_file)["defs"]
        graph = defs.resolve_asset_graph()
        keys.append(set(graph.get_all_asset_keys()))
        partitions.append({d.name for d in (graph.get(key).partitions_def for key in keys[-1]) if d is not None})
        assert {key.path[0] for key in keys[-1]} == {origin.location_name}
    assert len(origins) == 2
    assert all(one.isdisjoint(other) for found in (keys, partitions) for one, other in pairwise(found))
