"""The modality gap over the lake: a sample of all shards' vectors, measured before and after the move."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from unicorn_assets.assets.metadata import picture
from unicorn_assets.gap import compare, report_html
from unicorn_assets.gap.plots import Drawn, png
from unicorn_assets.gap.split import MIN_ROWS
from unicorn_assets.images.reference import SAMPLE_ROWS, ImageReference
from unicorn_assets.lake.artifacts import artifact_info, write_artifact
from unicorn_assets.lake.store import Lake, Made, ShardInfo
from unicorn_assets.recipe import Recipe
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.rows import Rows
from unicorn_assets.vectors.sample import Sample

GAP, GAP_PAGE = "modality_gap.json", "modality_gap.html"
Vectors = tuple[Rows, Rows, tuple[Rows, Rows] | None]  # texts, images, pairs


def vectors(lake: Lake, shards: Sequence[str], reference: ImageReference) -> Vectors:
    """What the gap is measured on: samples of both sides, and the reference's pairs where it has any."""
    found = reference.evaluation
    return text_sample(lake, shards), reference.sample, (found.text, found.image) if found else None


def current(lake: Lake, made: Made) -> ShardInfo | None:
    """The report in the lake, if it was made of the same things and its page is there too."""
    info = artifact_info(lake, GAP)
    is_current = info is not None and info.inputs == made.inputs and artifact_info(lake, GAP_PAGE) is not None
    return info if is_current else None


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
    lake: Lake, made: Made, rows: Vectors, fitted: Transfer, drawn: Drawn, recipe: Recipe, origin: str
) -> ShardInfo:
    """Measure, and write the figures and the page; `origin` says where the images come from."""
    # Pairs come from the reference: no text of theirs is a caption of the lake, and no image of theirs is in its mean.
    measured = compare(fitted, *rows, in_fit=True, pairs_in_fit=False)
    about = {"recipe": recipe.name, "images from": origin}
    page = report_html(fitted, *rows, measured=measured, drawn=drawn, about=about)
    report = measured.to_dict()
    # The figures come last: they are what says that the report is there.
    write_artifact(lake, GAP_PAGE, page.encode(), made)
    return write_artifact(lake, GAP, json.dumps(report, indent=1).encode(), made, 0, _figures(report))


def metadata(lake: Lake, drawn: Drawn) -> dict[str, Any]:
    """The page's location and pictures for the UI."""
    pictures = {title: picture(png(figure), about) for title, (figure, about) in drawn.items()}
    return {"report page": dg.MetadataValue.path(lake.files.url(f"artifacts/{GAP_PAGE}")), **pictures}


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
