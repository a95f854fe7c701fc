"""Stage 3, what the move did: the gap between text and image vectors, before and after, on a sample of all shards."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from unicorn_assets.assets.common import OWNERS, graph_row
from unicorn_assets.assets.embeddings import REFERENCE
from unicorn_assets.assets.metadata import picture
from unicorn_assets.assets.shard_work import errors_for_people, parents
from unicorn_assets.assets.transfer import TRANSFER, reference_parent
from unicorn_assets.assets.whole_work import artifact_metadata, finished, make_whole, reusable, whole
from unicorn_assets.gap import compare, report_html
from unicorn_assets.gap.plots import draw_all, png
from unicorn_assets.gap.split import MIN_ROWS
from unicorn_assets.graph import ARTIFACTS
from unicorn_assets.images.reference import SAMPLE_ROWS, ImageReference
from unicorn_assets.lake.artifacts import artifact_info, read_artifact, write_artifact
from unicorn_assets.lake.store import Lake, Made, ShardInfo
from unicorn_assets.partitions import known_shards
from unicorn_assets.progress import StageProgress
from unicorn_assets.recipe import Recipe
from unicorn_assets.resources import LakeResource, ProgressResource
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.rows import Rows
from unicorn_assets.vectors.sample import Sample
from unicorn_assets.versions import gap_version

GAP, GAP_PAGE = ARTIFACTS["modality_gap"], "modality_gap.html"
Vectors = tuple[Rows, Rows, tuple[Rows, Rows] | None]  # texts, images, pairs
Pictures = dict[str, dg.MarkdownMetadataValue]


def build(planned: Recipe) -> list[dg.AssetsDefinition]:
    """The asset of this stage for one recipe."""

    @dg.asset(
        **graph_row(planned, "modality_gap"),
        kinds={"numpy", "json"},
        owners=OWNERS,
        code_version=gap_version(planned),
    )
    def modality_gap(
        context: dg.AssetExecutionContext, lake: LakeResource, progress: ProgressResource
    ) -> dg.MaterializeResult:
        store, recipe = lake.begin(planned)
        pictures: Pictures = {}

        def make(stage: StageProgress) -> ShardInfo:
            fitted = Transfer.from_bytes(read_artifact(store, TRANSFER))
            reference = ImageReference.from_bytes(read_artifact(store, REFERENCE))
            rows = vectors(store, shards, reference)
            if unmeasured := too_few(rows):
                context.log.warning(f"the modality gap is not measured: {unmeasured}")
                return write_unmeasured(store, made, fitted, unmeasured)
            info, drawn = write_report(store, made, rows, fitted, recipe, reference.source)
            pictures.update(drawn)
            stage.advance()
            return info

        with errors_for_people():
            shards = finished(store, "image_embeddings", known_shards(context.instance, recipe.name))
            made = Made(recipe.name, gap_version(recipe), {
                **parents(store, *((name, s) for s in shards for name in ("text_embeddings", "image_embeddings"))),
                **reference_parent(store),
            })  # fmt: skip
            known = reusable(context, store, "modality_gap") if artifact_info(store, GAP_PAGE) else None
            info, reused = make_whole(progress.to_log(context.log), "modality_gap", made, known, make, "reports")
        page = dg.MetadataValue.path(store.files.url(f"artifacts/{GAP_PAGE}"))
        return whole({"report page": page, **pictures, **artifact_metadata(info, reused)})

    return [modality_gap]


def vectors(lake: Lake, shards: Sequence[str], reference: ImageReference) -> Vectors:
    """What the gap is measured on: samples of both sides, and the reference's pairs where it has any."""
    found = reference.evaluation
    return text_sample(lake, shards), reference.sample, (found.text, found.image) if found else None


def too_few(rows: Vectors) -> str:
    """Why the gap cannot be measured on these rows; empty when it can. A first trial may have a dozen captions."""
    found = {"captions": len(rows[0]), "reference images": len(rows[1])}
    short = [f"{count} {side}" for side, count in found.items() if count < 2 * MIN_ROWS]
    return f"{' and '.join(short)}, at least {2 * MIN_ROWS} are needed" if short else ""


def write_unmeasured(lake: Lake, made: Made, fitted: Transfer, reason: str) -> ShardInfo:
    """A report that says why there are no figures: a small data set is no reason to stop before its releases."""
    states: dict[str, Any] = {state: {} for state in ("parts", "before", "after", "cross_fitted")}
    report = {"method": fitted.method, **states, "unmeasured": reason}
    page = f"<!doctype html><title>modality gap</title><p>The modality gap was not measured: {reason}.</p>\n"
    write_artifact(lake, GAP_PAGE, page.encode(), made)
    return write_artifact(lake, GAP, json.dumps(report, indent=1).encode(), made, 0, {"unmeasured": 1})


def write_report(
    lake: Lake, made: Made, rows: Vectors, fitted: Transfer, recipe: Recipe, origin: str
) -> tuple[ShardInfo, Pictures]:
    """Measure, draw, and write the figures and the page; `origin` says where the images come from. The pictures are
    for the UI of the run that made them: the page keeps them.
    """
    # Pairs come from the reference: no text of theirs is a caption of the lake, and no image of theirs is in its mean.
    measured = compare(fitted, *rows, in_fit=True, pairs_in_fit=False)
    drawn = draw_all(fitted, *rows)
    about = {"recipe": recipe.name, "images from": origin}
    page = report_html(fitted, *rows, measured=measured, drawn=drawn, about=about)
    report = measured.to_dict()
    # The figures come last: they are what says that the report is there.
    write_artifact(lake, GAP_PAGE, page.encode(), made)
    info = write_artifact(lake, GAP, json.dumps(report, indent=1).encode(), made, 0, _figures(report))
    return info, {title: picture(png(figure), about) for title, (figure, about) in drawn.items()}


def text_sample(lake: Lake, shards: Sequence[str]) -> Rows:
    """At most SAMPLE_ROWS text vectors, drawn evenly from all shards, the same ones every time."""
    sample = Sample(SAMPLE_ROWS)
    for shard in shards:
        sample.add(lake.read_vectors("text_embeddings", shard)[1])
    return sample.rows


def _figures(report: Mapping[str, Any]) -> dict[str, float]:
    """The values as the UI plots them over time."""
    states = {"before": "before", "after": "after", "cross_fitted": "cross-fitted"}
    return {
        f"{metric} {words}": estimate["value"]
        for state, words in states.items()
        for metric, estimate in report[state].items()
    }
