"""Training and asking, with a random LLM of one small layer."""

from typing import Any

import numpy as np
import pytest

from tools.proof.model import Reader, batches, gains, right, scores, train
from unicorn_assets_tests.training.test_llava import small_llm

CAPTIONS = ["A cat.", "A dog.", "A red apple.", "A pear."]
ANIMALS = ["cat", "dog", "owl", "pig"]  # of one length: one batch an epoch


@pytest.fixture(scope="module")
def llm() -> tuple[Any, Any]:
    pytest.importorskip("transformers", minversion="5.19")
    return small_llm()


def test_a_caption_s_score_is_the_sum_over_its_tokens(llm: tuple[Any, Any]) -> None:
    import torch

    reader = Reader(*llm, 8, seed=0)
    vectors = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    found = scores(reader, vectors, [CAPTIONS[:3], CAPTIONS[1:]])
    from unicorn_assets.training.llava import image_outputs

    for row, choices in enumerate((CAPTIONS[:3], CAPTIONS[1:])):
        for column, caption in enumerate(choices):
            (said,) = reader.tokens([caption])
            ids = torch.tensor([[reader.model.config.image_token_index, *said]])
            seen = image_outputs(reader.model, torch.from_numpy(vectors[row : row + 1]) * 8**0.5, 1)
            with torch.inference_mode():
                logits = reader.model(input_ids=ids, mm_encoder_outputs=seen).logits[0].log_softmax(-1)
            by_hand = sum(float(logits[place, token]) for place, token in enumerate(said))
            assert found[row, column] == pytest.approx(by_hand, rel=1e-4)


def test_what_was_trained_is_told_from_the_vector(llm: tuple[Any, Any]) -> None:
    import torch

    vectors = np.eye(4, 8, dtype=np.float32)
    reader, other = Reader(*llm, 8, seed=3), Reader(*llm, 8, seed=3)
    for one in zip(reader.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(*one), "the same beginning for each condition"
    before = [parameter.clone() for parameter in reader.model.model.language_model.parameters()]

    def trained(one: Reader, part: str, epochs: int) -> list[float]:
        steps = train(
            one, ANIMALS, lambda _: vectors, part=part, epochs=epochs, first_epoch=0, rate=0.02, batch=4, seed=0
        )
        return list(steps)

    trained(reader, "projector", 1)
    assert all(map(torch.equal, before, reader.model.model.language_model.parameters())), "stage 1 leaves the LLM"
    losses = trained(reader, "all", 40)
    assert losses[-1] < losses[0] / 2
    choices = [[caption, *(one for one in ANIMALS if one != caption)] for caption in ANIMALS]
    gained, prior = gains(reader, vectors, choices)
    assert right(gained).mean() == 1
    assert np.allclose(prior[0], scores(reader, vectors.mean(0, keepdims=True), choices[:1])[0], rtol=1e-4)
    assert right(gains(reader, vectors[[1, 0, 3, 2]], choices)[0]).mean() == 0
    assert np.allclose(gains(reader, 0 * vectors, choices)[0], 0, atol=1e-4), "no picture gains nothing"


def test_a_tie_counts_in_parts() -> None:
    assert right(np.array([[1, 1, 0, 0], [2, 1, 0, 0], [0, 1, 0, 0]], np.float32)).tolist() == [0.5, 1, 0]


def test_batches_hold_one_length_and_each_row_once() -> None:
    said = [[0] * length for length in (3, 4, 3, 3, 5, 4, 3)]
    found = batches(said, 2, seed=0, epoch=1)
    assert sorted(row for rows in found for row in rows) == list(range(7))
    assert all(len({len(said[row]) for row in rows}) == 1 for rows in found)
    assert max(map(len, found)) == 2
    assert found == batches(said, 2, seed=0, epoch=1)
    assert found != batches(said, 2, seed=0, epoch=2)
