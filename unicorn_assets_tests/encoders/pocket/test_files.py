"""What lies beside the shipped weights agrees with them and with itself."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from tools.pocket.card import CARD, read_metrics, render
from tools.pocket.pictures import HELD_OUT_VENDOR
from unicorn_assets.encoders.pocket.files import (
    PAIRS_TEXT,
    REFERENCE,
    identity,
    model_folder,
    read_evaluation_pairs,
    read_reference,
)

pytestmark = pytest.mark.parametrize("width", ["narrow", "wide"])


def test_everything_names_the_same_weights(width: str) -> None:
    shipped = identity(model_folder(width), width)
    metrics = read_metrics(model_folder(width))
    for about in (read_reference(width=width)[0].space, read_evaluation_pairs(width=width)):
        assert (about.encoder, about.revision) == shipped
    assert (metrics["encoder"], metrics["revision"]) == shipped


def test_the_card_is_made_from_the_metrics(width: str) -> None:
    assert (model_folder(width) / CARD).read_text(encoding="utf-8") == render(read_metrics(model_folder(width)))


def test_card_shows_every_recall(width: str) -> None:
    card = (model_folder(width) / CARD).read_text(encoding="utf-8")
    for found in read_metrics(model_folder(width))["retrieval"].values():
        for row in found.values():
            assert f"{row['recall_1']:.1f} / {row['recall_5']:.1f} / {row['recall_10']:.1f}" in card


def test_reference_statistics_are_those_of_unit_vectors(width: str) -> None:
    statistics, vectors = read_reference(width=width)
    mean, covariance = statistics.mean, statistics.covariance
    assert covariance is not None
    assert np.isclose(np.trace(covariance), 1 - mean @ mean, atol=1e-5)
    assert np.allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    standard_error = np.sqrt((1 - mean @ mean) / len(vectors))
    assert np.linalg.norm(vectors.mean(axis=0) - mean) < 3 * standard_error


def test_reference_has_no_picture_of_the_held_out_vendor_or_concepts(width: str) -> None:
    (statistics, vectors), pairs = read_reference(width=width), read_evaluation_pairs(width=width)
    with safe_open(model_folder(width) / REFERENCE, framework="np") as file:
        names = json.loads(file.metadata()["sample_ids"])
    vendors, codes = zip(*(name.split("/") for name in names), strict=True)
    assert len(names) == len(vectors) == 2000
    assert HELD_OUT_VENDOR not in vendors
    assert not set(codes) & {code for code, out in zip(pairs.ids, pairs.held_out, strict=True) if out}
    assert sum(read_metrics(model_folder(width))["trained_pictures"].values()) == statistics.n


def test_pairs_are_complete(width: str) -> None:
    pairs = read_evaluation_pairs(width=width)
    rows = json.loads((model_folder(width) / PAIRS_TEXT).read_text(encoding="utf-8"))
    assert len(rows) == len(pairs.vectors) == read_metrics(model_folder(width))["pairs"]
    assert [(row["id"], row["caption"], row["held_out"]) for row in rows] == list(
        zip(pairs.ids, pairs.captions, pairs.held_out, strict=True)
    )
    assert len(set(pairs.ids)) == len(pairs.ids)
    assert pairs.held_out.sum() == read_metrics(model_folder(width))["held_out_pairs"] > 100
    assert all(row[kind].strip() for row in rows for kind in ("label", "group", "caption", "sentence", "description"))
    assert np.abs(np.linalg.norm(pairs.vectors, axis=1) - 1).max() < 1e-5
