"""The asset modality_gap: figures, page and pictures in the lake and the UI; made anew only when something changed."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from unicorn_assets.assets.embeddings import REFERENCE
from unicorn_assets.assets.gap import GAP, GAP_PAGE, build
from unicorn_assets.assets.transfer import TRANSFER
from unicorn_assets.images.reference import ImageReference, Pairs
from unicorn_assets.keys import asset_key, step_key
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.partitions import register
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import EncoderResource, LakeResource, ProgressResource, RecipeResource
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics
from unicorn_assets_tests.checks.test_queries import RECIPE

MADE = Made("tiny", "v1", {})
SHARDS = ("tiny-00000", "tiny-00001")


def filled(folder: Path) -> Lake:
    """A lake as the stages before leave it: two shards of vectors, reference and move."""
    lake, rng, space = Lake(str(folder)), np.random.default_rng(0), Space("test", "1", 6)
    about = {"encoder": "test", "revision": "1", "dimension": 6}
    shards = [(rng.normal(size=(30, 6)) + 1).astype(np.float16) for _ in SHARDS]
    images = rng.normal(size=(80, 6)).astype(np.float16)
    captions, theirs = rng.normal(size=(40, 6)).astype(np.float16), rng.normal(size=(40, 6)).astype(np.float16)
    pairs = Pairs(captions, theirs, [str(i) for i in range(40)], np.zeros(40, bool))
    reference = ImageReference(Statistics(space, covariance=True).add(images), images, pairs, source="made up")
    move = fit("realign", 1, reference.statistics, lambda: shards, space=space)
    write_artifact(lake, REFERENCE, reference.to_bytes(), MADE)
    write_artifact(lake, TRANSFER, move.to_bytes(), MADE)
    for shard, vectors in zip(SHARDS, shards, strict=True):
        ids = [f"{shard}-{row}" for row in range(30)]
        lake.write_vectors("text_embeddings", shard, ids, vectors, MADE, about)
        lake.write_vectors("image_embeddings", shard, ids, move.apply(vectors), MADE, about)
    return lake


def materialize(lake: Lake, recipe: Recipe = RECIPE) -> dict[str, Any]:
    """Run the one asset; its metadata."""
    url = lake.url
    resources = {
        "lake": LakeResource(url=url, variant=RecipeResource()), "progress": ProgressResource(),
        "encoder": EncoderResource(recipe="recipe.yaml", variant=RecipeResource()),
    }  # fmt: skip
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, recipe.name, SHARDS)
        definitions = dg.Definitions(build(recipe), resources=resources)
        job = definitions.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, asset_selection=[asset_key(recipe.name, "modality_gap")])
        (event,) = result.asset_materializations_for_node(step_key(recipe.name, "modality_gap"))
        return {key: value.value for key, value in event.metadata.items()}


def test_figures_page_and_pictures(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    metadata = materialize(lake)
    report = json.loads(read_artifact(lake, GAP))
    assert report["parts"] == {
        "text": {"statistics": 30, "held_out": 30, "in_fit": True},
        "images": {"statistics": 40, "held_out": 40, "in_fit": True},
        "pairs": {"statistics": 20, "held_out": 20, "in_fit": False},
    }
    for state, words in (("before", "before"), ("after", "after"), ("cross_fitted", "cross-fitted")):
        for metric, found in report[state].items():
            assert metadata[f"{metric} {words}"] == found["value"]
    page = Path(metadata["report page"])
    assert page.read_bytes() == read_artifact(lake, GAP_PAGE)
    assert "made up" in page.read_text(encoding="utf-8")
    for picture in ("common PCA", "cosines", "spectra", "recall"):
        assert metadata[picture].startswith("![")
        assert "](data:image/png;base64," in metadata[picture]


def test_it_is_made_anew_only_when_something_changed(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    assert materialize(lake)["reused"] is False
    first = artifact_info(lake, GAP)
    assert materialize(lake)["reused"] is True
    lake.files.remove(f"artifacts/{GAP_PAGE}")
    assert materialize(lake)["reused"] is False
    again = artifact_info(lake, GAP)
    assert first is not None
    assert again is not None
    assert first.content == again.content
    ids, vectors = lake.read_vectors("text_embeddings", SHARDS[0])
    about = {"encoder": "test", "revision": "1", "dimension": 6}
    lake.write_vectors("text_embeddings", SHARDS[0], ids, -vectors, MADE, about)
    assert materialize(lake)["reused"] is False


def test_what_is_current_is_asked_before_anything_is_read_or_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = filled(tmp_path)
    made = materialize(lake)
    monkeypatch.setattr(Lake, "read_vectors", lambda *_: pytest.fail("a shard was sampled"))
    monkeypatch.setattr("unicorn_assets.assets.gap.draw_all", lambda *_: pytest.fail("a plot was drawn"))
    reused = materialize(lake)
    assert reused.pop("reused")
    assert {name: value for name, value in made.items() if name in reused} == reused
    assert set(made) - set(reused) == {"reused", "common PCA", "cosines", "spectra", "recall"}


def test_a_handful_of_captions_stops_nothing_and_says_why_nothing_was_measured(tmp_path: Path) -> None:
    lake = filled(tmp_path)
    for name in ("text_embeddings", "image_embeddings"):
        for shard in SHARDS:
            ids, vectors = lake.read_vectors(name, shard)
            lake.write_vectors(
                name, shard, ids[:9], vectors[:9], MADE, {"encoder": "test", "revision": "1", "dimension": 6}
            )
    metadata = materialize(lake)
    assert metadata["unmeasured"] == 1
    report = json.loads(read_artifact(lake, GAP))
    assert report["unmeasured"] == "18 captions, at least 20 are needed"
    assert report["after"] == {}
    assert "18 captions" in Path(metadata["report page"]).read_text(encoding="utf-8")
    assert materialize(lake)["reused"] is True
