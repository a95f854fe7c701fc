"""Captions that have strayed from their seed, told by a text encoder: only where the recipe has `drift`.

Both texts become unit vectors; a caption is refused (`drifted`) when their cosine is below the recipe's least one.
Here: which captions, and by which encoder. Not here: gates that look at words (gates.py), whatever else becomes of
drafts (accept.py), loading encoders (encoders/).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from unicorn_assets.captions import accept
from unicorn_assets.encoders import Encoder, encoder_version
from unicorn_assets.encoders.protocol import TOLERANCE
from unicorn_assets.ids import digest
from unicorn_assets.lake.quarantine_rows import quarantine_rows
from unicorn_assets.logic import logic_of
from unicorn_assets.recipe import Recipe

REASON = "drifted"
AT_A_TIME = 2048
"""Captions whose texts and vectors are held at a time."""
OnProgress = Callable[[int], None]


def version(recipe: Recipe) -> str:
    """Of the table `captions`: as without this module where the recipe has no `drift`."""
    reader = reading(recipe)
    if recipe.drift is None or reader is None:
        return accept.version(recipe)
    parts = [accept.version(recipe), logic_of(__name__), recipe.drift.min_cosine, encoder_version(reader)]
    return digest(parts, 8)


def reading(recipe: Recipe) -> Recipe | None:
    """The recipe with the encoder that reads seeds and captions as its own; None where the recipe has no `drift`."""
    return recipe.read_for(recipe.drift) if recipe.drift is not None else None


def judged(
    captions: pl.DataFrame, seeds: pl.DataFrame, recipe: Recipe, reader: Callable[[], Encoder],
    on_progress: OnProgress = lambda _: None,
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, float]]:  # fmt: skip
    """`captions` rows that stay, `quarantine` rows of the others, and figures of the cosines of all.

    `seeds` has the seed of each caption. `reader` opens the encoder of `reading`; it is not asked for without need.
    `on_progress` hears how many captions were just judged.
    """
    if recipe.drift is None or not captions.height:
        on_progress(captions.height)
        return captions, quarantine_rows("captions", []), {}
    least, texts = recipe.drift.min_cosine, dict(seeds.select("seed_id", "text").iter_rows())
    pairs = [texts[seed_id] for seed_id in captions["seed_id"]], captions["text"].to_list()
    found = cosines(*pairs, least, reader(), on_progress)
    strayed = pl.Series(found < least, dtype=pl.Boolean)
    details = [f"cosine {cosine:.3f} of seed and caption, at least {least:g} is wanted" for cosine in found]
    refused = captions.with_columns(detail=pl.Series(details, dtype=pl.String)).filter(strayed)
    rows = refused.select(
        "detail", "model", "request_hash", row_id="caption_id", parent_id="seed_id", reason=pl.lit(REASON),
        raw_answer="text", attempts="drafts",
    )  # fmt: skip
    figures = {"least cosine of seed and caption": found.min(), "median cosine of seed and caption": np.median(found)}
    told = {name: round(float(value), 3) for name, value in figures.items()}
    return captions.filter(~strayed), quarantine_rows("captions", rows), told


def cosines(
    seeds: Sequence[str], captions: Sequence[str], border: float, encoder: Encoder,
    on_progress: OnProgress = lambda _: None,
) -> NDArray[np.float64]:  # fmt: skip
    """(n,) cosines of each seed with its caption, on the side of `border` that the two texts alone are.

    A text's vector moves a little with the texts that it shares a batch with. Pairs so near to the border that this
    could tell are read once more, each text by itself: the verdict is the same in batches of any size.
    """
    found = np.empty(len(seeds), np.float64)
    for start in range(0, len(seeds), AT_A_TIME):
        piece = slice(start, start + AT_A_TIME)
        found[piece] = _cosine(encoder.encode_texts(seeds[piece]), encoder.encode_texts(captions[piece]))
        on_progress(len(seeds[piece]))
    # A vector is off by TOLERANCE in each component at most, a cosine of unit vectors by both vectors' distances.
    doubt = 2.5 * TOLERANCE * math.sqrt(encoder.dimension)
    for row in np.flatnonzero(np.abs(found - border) <= doubt):
        found[row] = _cosine(encoder.encode_texts([seeds[row]]), encoder.encode_texts([captions[row]]))[0]
    return found


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    first, second = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)  # of fp32's unit rows: 1 to seven digits
    found: NDArray[np.float64] = np.einsum("ij,ij->i", first, second) / lengths
    return found
