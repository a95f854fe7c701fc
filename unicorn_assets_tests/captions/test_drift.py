"""Captions that have strayed: which, by which encoder, the same in batches of any size; and what a recipe may say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from unicorn_assets.captions import accept, drift
from unicorn_assets.encoders import open_encoder
from unicorn_assets.encoders.protocol import TOLERANCE
from unicorn_assets.ids import digest
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.build import recipe_hash
from unicorn_assets.versions import versions
from unicorn_assets_tests.scripted import recipe

LABELLED = Path(__file__).parents[1] / "labelled" / "tune"
DIMENSION = 16


class Angles:
    """Texts are angles; each vector is off by as much as an encoder's may be, by the company that its text is in."""

    dimension = DIMENSION

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(len(texts))
        angles = np.array([float(text) for text in texts])
        rows = np.zeros((len(texts), DIMENSION))
        rows[:, 0], rows[:, 1] = np.cos(angles), np.sin(angles)
        if len(texts) > 1:
            off = np.random.default_rng([len(texts), int(1e6 * abs(angles.sum()))])
            rows += off.choice((-TOLERANCE, TOLERANCE), size=rows.shape)
        return rows.astype(np.float32)


def frames(cosines: Sequence[float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [
        {"caption_id": f"c{n}", "seed_id": f"s{n}", "text": repr(float(np.arccos(cosine))), "words": 1, "source": "a",
         "domain": "open", "task": None, "model": "m", "request_hash": "h", "prompt_version": "p", "drafts": 2}
        for n, cosine in enumerate(cosines)
    ]  # fmt: skip
    captions = pl.DataFrame(rows, schema=polars_schema("captions"))
    seeds = pl.DataFrame({"seed_id": captions["seed_id"], "text": ["0.0"] * captions.height})
    return captions, seeds.reverse()


def with_drift(least: float = 0.5, **sections: Any) -> Recipe:
    return recipe(drift={"min_cosine": least}, **sections)


def test_what_is_below_is_refused_with_its_cosine_and_the_rest_is_as_it_was() -> None:
    captions, seeds = frames([0.9, 0.1, 0.6, -0.4])
    done: list[int] = []
    kept, refused, figures = drift.judged(captions, seeds, with_drift(), lambda: Angles(), done.append)  # type: ignore[arg-type,return-value]
    assert kept.equals(captions[[0, 2]])
    assert dict(refused.schema) == polars_schema("quarantine")
    shown = ("stage", "row_id", "parent_id", "reason", "detail", "raw_answer", "attempts", "model", "request_hash")
    assert refused.select(shown).row(0) == (
        "captions", "c1", "s1", "drifted", "cosine 0.100 of seed and caption, at least 0.5 is wanted",
        captions["text"][1], 2, "m", "h",
    )  # fmt: skip
    assert refused["row_id"].to_list() == ["c1", "c3"]
    assert figures == {"least cosine of seed and caption": -0.4, "median cosine of seed and caption": 0.35}
    assert sum(done) == 4


def test_no_encoder_is_opened_without_need() -> None:
    captions, seeds = frames([0.9, 0.1])
    done: list[int] = []

    def opened() -> Any:
        pytest.fail("nothing is to be read")

    kept, refused, figures = drift.judged(captions, seeds, recipe(), opened, done.append)
    assert (kept.equals(captions), refused.height, figures, sum(done)) == (True, 0, {}, 2)
    kept, refused, _ = drift.judged(captions.clear(), seeds, with_drift(), opened)
    assert (kept.height, refused.height) == (0, 0)
    assert dict(refused.schema) == polars_schema("quarantine")


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40), st.sampled_from((1, 3, 2048)))
def test_a_verdict_is_that_of_the_two_texts_alone_in_batches_of_any_size(steps: list[float], size: int) -> None:
    """Cosines within some tolerances of the border, where what a batch moves a vector by would decide."""
    border = 0.5
    captions, seeds = frames([border + step * TOLERANCE for step in steps])
    pairs = ["0.0"] * captions.height, captions["text"].to_list()
    assert seeds.height == captions.height
    alone = [drift.cosines([seed], [text], border, Angles())[0] for seed, text in zip(*pairs, strict=True)]  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift, "AT_A_TIME", size)
        together = drift.cosines(*pairs, border, Angles())  # type: ignore[arg-type]
    assert (together < border).tolist() == [one < border for one in alone]


def test_a_piece_is_held_at_a_time_and_only_what_is_near_the_border_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift, "AT_A_TIME", 8)
    encoder = Angles()
    captions, _ = frames([0.9] * 20 + [0.5])
    drift.cosines(["0.0"] * 21, captions["text"].to_list(), 0.5, encoder)  # type: ignore[arg-type]
    assert encoder.asked == [8, 8, 8, 8, 5, 5, 1, 1]


def test_the_version_is_as_without_until_a_recipe_has_the_key() -> None:
    plain = recipe()
    assert drift.version(plain) == accept.version(plain) == versions(plain)["captions"]
    told = {
        drift.version(chosen)
        for chosen in (
            with_drift(0.2), with_drift(0.3), with_drift(0.2, encoder={"width": "wide"}),
            recipe(drift={"min_cosine": 0.2, "encoder": {"width": "photo"}}), plain,
        )
    }  # fmt: skip
    assert len(told) == 5
    # Named or the recipe's own, fast or slow: the same reading of the texts.
    assert drift.version(recipe(drift={"min_cosine": 0.2, "encoder": {"batch_tokens": 64}})) in told
    changed = {name for name, version in versions(with_drift()).items() if version != versions(plain)[name]}
    assert changed == {"captions", "unicorn_1_2m", "unicorn_471k_instruction"}


def test_a_release_s_recipe_hash_is_as_before_there_were_the_keys() -> None:
    plain = recipe()
    later = {"drift": True, "near_duplicates": {"cosine", "encoder"}}
    before = plain.model_dump(mode="json", exclude={"checks": True, "llm": True, **later})
    assert recipe_hash(plain) == digest([before, plain.llm.model, plain.llm.revision])
    assert recipe_hash(with_drift()) != recipe_hash(plain)
    assert recipe_hash(recipe(near_duplicates={"cosine": 0.9})) != recipe_hash(plain)


def test_texts_are_read_in_full_precision_whatever_the_vectors_are_made_in() -> None:
    own = {"kind": "open_clip", "model": "ViT-B-32", "pretrained": "x", "precision": "bf16"}
    chosen = with_drift(encoder=own, image_reference={"kind": "images", "path": "x"})
    reading = drift.reading(chosen)
    assert reading is not None
    assert (reading.encoder.precision, reading.encoder.model) == ("fp32", "ViT-B-32")
    with pytest.raises(ValidationError, match="compared in fp32"):
        recipe(drift={"min_cosine": 0.2, "encoder": own})


@pytest.mark.parametrize("least", [float("nan"), float("inf"), -2, 2, "far", None, [0.2]])
def test_a_least_cosine_that_is_none_is_an_error(least: Any) -> None:
    with pytest.raises(ValidationError, match="min_cosine"):
        recipe(drift={"min_cosine": least})


def test_the_pocket_encoder_is_refused_for_other_languages() -> None:
    spanish = [{"name": "a", "path": "a.txt"}, {"name": "b", "path": "b.txt", "language": "es"}]
    with pytest.raises(ValidationError, match="reads English, and source 'b' is 'es'; give"):
        with_drift(sources=spanish)
    with pytest.raises(ValidationError, match="reads English"):
        with_drift(language="ja")
    assert with_drift(language="en-GB").drift is not None
    other = {"kind": "open_clip", "model": "xlm-roberta-base-ViT-B-32", "pretrained": "laion5b_s13b_b90k"}
    assert recipe(language="es", drift={"min_cosine": 0.3, "encoder": other}).drift is not None


def test_the_pocket_encoder_tells_a_lost_seed_from_a_good_caption() -> None:
    """Labelled rows at the least cosine that docs/drift.md gives, by the real encoder."""

    def of(kind: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (LABELLED / f"{kind}.jsonl").read_text("utf-8").splitlines()]

    rows = [row for row in of("planted_captions") if row["fault"] == "lost_seed"] + of("good_captions")[:5]
    reading = drift.reading(recipe(drift={"min_cosine": 0.25, "encoder": {"width": "photo"}}))
    assert reading is not None
    texts = [row["seed"] for row in rows], [row["text"] for row in rows]
    found = drift.cosines(*texts, 0.25, open_encoder(reading))
    assert (found < 0.25).tolist() == [row["label"] == "bad" for row in rows]
