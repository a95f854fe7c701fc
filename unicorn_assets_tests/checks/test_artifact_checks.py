"""Checks on the image reference, the transfer and the gap report: sound ones pass, each kind of damage is seen."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from unicorn_assets.checks.factory import build_checks
from unicorn_assets.checks.queries import Query, queries, violations
from unicorn_assets.checks.views import ARTIFACTS, open_views, thresholds
from unicorn_assets.gap import compare
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import ALL, Lake, Made
from unicorn_assets.lake.verdicts import failed_checks
from unicorn_assets.partitions import PARTITION, register
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, RecipeResource
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.checks.test_queries import RECIPE

MADE = Made("tiny", "v1", {})
SHARDS = ("tiny-00000", "tiny-00001")
SPACE = Space("test", "1", 8)
Report = dict[str, dict[str, dict[str, float]]]
QUERIES = [query for asset in ARTIFACTS for query in queries()[asset]]


def measured() -> Report:
    """The report of a move that works, on clouds of one meaning each, as the asset writes it."""
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(1000, 8))
    text = (0.7 * meaning + 0.2 * rng.normal(size=meaning.shape) + 1).astype(np.float32)
    images = (meaning + 0.2 * rng.normal(size=meaning.shape) - 1).astype(np.float32)
    move = fit("realign", 1, Statistics(SPACE).add(images[:800]), lambda: [text[:800]])
    report: Report = compare(move, text[:800], images[:800], (text[800:], images[800:])).to_dict()
    return report


SOUND = measured()


def write(folder: Path, report: Report, figures: dict[str, dict[str, Any]]) -> Lake:
    """Two shards of 30 text vectors, and the three artifacts with the figures that their makers leave."""
    lake = Lake(str(folder))
    vectors = np.random.default_rng(0).normal(size=(30, 8))
    for shard in SHARDS:
        lake.write_vectors("text_embeddings", shard, [f"{shard}{i}" for i in range(30)], vectors, MADE)
    sound = {
        "image_reference": {"images": 5000, "images set aside": 3, "dimension": 8, "encoder": "test"},
        "transfer": {"text vectors": 60, "image vectors": 5000, "dimension": 8, "encoder": "test"},
        "modality_gap": {},
    }
    for asset, name in ARTIFACTS.items():
        data = json.dumps(report).encode() if asset == "modality_gap" else b"bytes"
        write_artifact(lake, name, data, MADE, 0, sound[asset] | figures.get(asset, {}))
    return lake


def broken(query: Query, lake: Lake, recipe: Recipe = RECIPE) -> int:
    connection = open_views(lake, query.asset, SHARDS)
    return violations(connection, query, thresholds(recipe)).height


def named(name: str) -> Query:
    return next(query for query in QUERIES if f"{query.asset}.{query.name}" == name)


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q.asset}.{q.name}")
def test_sound_artifacts_pass(query: Query, tmp_path: Path) -> None:
    assert broken(query, write(tmp_path, SOUND, {})) == 0


def gap(state: str, metric: str, value: float, **more: float) -> Callable[[Report], None]:
    """Put another value and interval into the report."""
    return lambda report: report[state].update({metric: {"value": value, "low": value, "high": value} | more})


GAPS: dict[str, Callable[[Report], Any]] = {
    "centroids_meet": gap("after", "centroid_distance", 0.21),
    "holds_on_new_rows": gap("cross_fitted", "centroid_distance", 0.21),
    "not_widened": gap("before", "centroid_distance", 0.0),
    "neighbours_kept": gap("after", "neighbour_overlap", 0.1),
    "sides_mix": gap("after", "linear_separability", 0.99),
    "pairs_meet": gap("after", "relative_modality_gap", 0.6),
    "recall_kept": gap("after", "image_to_text_recall_10", 0.0),
    "source_kept": gap("after", "source_cosine", -0.99),
    "paired_cosine_kept": gap("after", "paired_cosine", -0.9),
    "metrics_finite": gap("after", "knn_mixing", math.nan),
}


@pytest.mark.parametrize("name", GAPS)
def test_damage_of_the_gap_report_is_seen_by_its_check_alone(name: str, tmp_path: Path) -> None:
    report: Report = json.loads(json.dumps(SOUND))
    if name == "not_widened":
        gap("after", "centroid_distance", 0.1)(report)
    GAPS[name](report)
    limits = {"min_source_cosine": -0.98, "max_paired_cosine_loss": 0.2}
    strict = RECIPE.model_copy(update={"checks": RECIPE.checks.model_copy(update=limits)})
    lake = write(tmp_path, report, {})
    failed = [query.name for query in queries()["modality_gap"] if broken(query, lake, strict)]
    assert failed == [name]
    if name in ("source_kept", "paired_cosine_kept"):  # off unless the recipe sets a limit
        assert not broken(named(f"modality_gap.{name}"), lake)


@pytest.mark.parametrize(
    "damage",
    [
        gap("before", "alignment", 0.5, low=0.6),
        gap("after", "alignment", 0.5, high=math.inf),
        lambda report: report["cross_fitted"].pop("trace_ratio"),
        lambda report: report["before"].pop("paired_cosine"),
        lambda report: [report[state].clear() for state in ("before", "after", "cross_fitted")],
    ],
    ids=["outside its interval", "infinite", "not cross-fitted", "not before", "empty"],
)
def test_a_report_with_holes_blocks(damage: Callable[[Report], Any], tmp_path: Path) -> None:
    report: Report = json.loads(json.dumps(SOUND))
    damage(report)
    assert broken(named("modality_gap.metrics_finite"), write(tmp_path, report, {}))


def test_a_gap_that_nobody_could_measure_is_a_warning_and_nothing_more(tmp_path: Path) -> None:
    empty: Report = json.loads(json.dumps(SOUND))
    for state in ("before", "after", "cross_fitted"):
        empty[state].clear()
    lake = write(tmp_path, empty, {"modality_gap": {"unmeasured": 1}})
    failed = [query for query in queries()["modality_gap"] if broken(query, lake)]
    assert [(query.name, query.blocking) for query in failed] == [("measured", False)]


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("image_reference.enough_images", {"images": 999}),
        ("image_reference.few_set_aside", {"images set aside": 300}),
        ("image_reference.space_named", {"dimension": 0}),
        ("transfer.covers_all_shards", {"text vectors": 30}),
        ("transfer.fitted_on_enough", {"image vectors": 19}),
        ("transfer.space_named", {"dimension": 0}),
    ],
)
def test_damage_of_the_reference_and_the_move_is_seen(name: str, figures: dict[str, float], tmp_path: Path) -> None:
    lake = write(tmp_path, SOUND, {name.split(".")[0]: figures})
    assert broken(named(name), lake)


@pytest.mark.parametrize(("value", "failed"), [(0.1, ["neighbours_kept"]), (0.9, [])])
def test_a_failed_gate_on_the_gap_leaves_a_verdict_also_in_a_run_over_one_shard(
    value: float, failed: list[str], tmp_path: Path
) -> None:
    report: Report = json.loads(json.dumps(SOUND))
    gap("after", "neighbour_overlap", value)(report)
    lake = write(tmp_path, report, {})

    @dg.asset(key_prefix=RECIPE.name)
    def modality_gap() -> None:
        """Made already."""

    @dg.asset(key_prefix=RECIPE.name)
    def transfer() -> None:
        """Made already."""

    names = ("modality_gap_checks", "transfer_checks")
    checks = [found for found in build_checks(RECIPE) if found.node_def.name in names]
    definitions = dg.Definitions(
        [modality_gap, transfer],
        asset_checks=checks,
        resources={"lake": LakeResource(url=lake.url, variant=RecipeResource())},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, RECIPE.name, SHARDS)
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, tags={PARTITION: SHARDS[0]}, raise_on_error=False)
    found = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert found == set(failed)
    content = lake.files.read("artifacts/modality_gap.json.made.json").decode()
    assert failed_checks(lake, "modality_gap", ALL, json.loads(content)["content"]) == failed
