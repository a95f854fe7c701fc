"""Transfer methods against their definitions, in plain float64 numpy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.transfer import METHODS, Transfer, fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

D = 24
SPACE = Space("test", "1", D)


def clouds(seed: int = 0, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Texts and images with different means and spreads, as encoders give them."""
    rng = np.random.default_rng(seed)
    text = rng.normal(size=(n, D)) * np.linspace(0.1, 1, D) + 2 * rng.normal(size=D) / np.sqrt(D)
    image = rng.normal(size=(n, D)) * np.linspace(1, 0.3, D) + 2 * rng.normal(size=D) / np.sqrt(D)
    return text.astype(np.float16), image.astype(np.float16)


def norm(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fitted(method: str, text: np.ndarray, image: np.ndarray, passes: int = 1) -> Transfer:
    shards = np.array_split(text, 7)
    return fit(method, passes, Statistics(SPACE).add(image), lambda: iter(shards))


def test_none_only_makes_unit_length() -> None:
    text, image = clouds()
    move = fitted("none", text, image)
    np.testing.assert_allclose(move.apply(text), norm(text.astype(float)), atol=1e-7)
    np.testing.assert_allclose(move.image_side(image), norm(image.astype(float)), atol=1e-7)


def test_mean_shift_is_its_definition_exactly() -> None:
    text, image = clouds()
    move = fitted("mean_shift", text, image)
    text_mean = Statistics(SPACE).add(text).mean
    y, x = norm(text.astype(float)), norm(image.astype(float))
    np.testing.assert_allclose(text_mean, y.mean(axis=0), rtol=0, atol=1e-11)
    np.testing.assert_allclose(move.parameters["text_mean"], text_mean, rtol=0, atol=1e-11)
    np.testing.assert_allclose(move.apply(text), norm(y - y.mean(axis=0)), rtol=0, atol=1e-7)
    np.testing.assert_allclose(move.image_side(image), norm(x - x.mean(axis=0)), rtol=0, atol=1e-7)


def test_one_pass_of_realign_is_its_definition() -> None:
    text, image = clouds()
    y, x = norm(text.astype(float)), norm(image.astype(float))
    mu_y, mu_x = y.mean(axis=0), x.mean(axis=0)
    # The scale from covariances, not from the identity that the implementation uses.
    s = np.sqrt(np.trace(np.cov(x.T, bias=True)) / np.trace(np.cov(y.T, bias=True)))
    e1 = norm(mu_x + s * (y - mu_y))
    e2 = norm(e1 - e1.mean(axis=0) + mu_x)
    move = fitted("realign", text, image)
    np.testing.assert_allclose(move.parameters["scale"], s, rtol=1e-9)
    np.testing.assert_allclose(move.apply(text), e2, atol=2e-7)
    np.testing.assert_allclose(move.image_side(image), x, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_each_pass_of_realign_brings_the_centroid_nearer(seed: int) -> None:
    text, image = clouds(seed)
    target = Statistics(SPACE).add(image).mean
    errors = []
    for passes in (1, 2, 3):
        moved = fitted("realign", text, image, passes).apply(text).astype(float)
        errors.append(np.linalg.norm(moved.mean(axis=0) - target))
    before = np.linalg.norm(norm(text.astype(float)).mean(axis=0) - target)
    assert before > errors[0] > errors[1] > errors[2]


@settings(max_examples=20)
@given(st.sampled_from(METHODS), st.integers(0, 1000), st.integers(1, 200))
def test_a_row_does_not_depend_on_the_others(method: str, seed: int, n: int) -> None:
    text, image = clouds(seed, 300)
    move = fitted(method, text, image, 2)
    chosen = np.random.default_rng(seed).permutation(300)[:n]
    if method == "aniso_init":  # goes through a matrix product
        np.testing.assert_allclose(move.apply(text)[chosen], move.apply(text[chosen]), atol=1e-6)
    else:
        assert move.apply(text)[chosen].tobytes() == move.apply(text[chosen]).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_results_are_float32_unit_rows_and_survive_saving(method: str) -> None:
    text, image = clouds()
    move = fitted(method, text, image)
    moved = move.apply(text)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(moved.astype(float), axis=1), 1, atol=1e-6)
    back = Transfer.from_bytes(move.to_bytes())
    assert back.version() == move.version()
    assert back.apply(text).tobytes() == moved.tobytes()
    assert back.counts == move.counts


def test_the_order_of_shards_changes_nothing_and_a_new_shard_reads_no_other() -> None:
    text, image = clouds()
    shards = np.array_split(text, 5)
    stats = Statistics(SPACE).add(image)
    forward = fit("realign", 2, stats, lambda: shards)
    assert fit("realign", 2, stats, lambda: shards[::-1]).to_bytes() == forward.to_bytes()
    first = Statistics(SPACE)
    for shard in shards[:-1]:
        first.add(shard)

    def nothing() -> list[np.ndarray]:
        raise AssertionError("no shard is to be read")

    one_more = fit("mean_shift", 1, stats, nothing, text=first.merge(Statistics(SPACE).add(shards[-1])))
    assert one_more.to_bytes() == fit("mean_shift", 1, stats, lambda: shards).to_bytes()


@pytest.mark.parametrize("method", ["c3", "i0t"])
def test_for_unit_vectors_c3_without_noise_and_i0t_are_mean_shift(method: str) -> None:
    text, image = clouds()
    one, other = fitted(method, text, image), fitted("mean_shift", text, image)
    assert one.apply(text).tobytes() == other.apply(text).tobytes()
    assert one.image_side(image).tobytes() == other.image_side(image).tobytes()
    assert one.version() != other.version()


def test_noise_is_drawn_only_when_asked_for() -> None:
    text, image = clouds()
    shards, ids = [text], [str(i) for i in range(len(text))]
    move = fit("c3", 1, Statistics(SPACE).add(image), lambda: shards, noise_cosine=0.8)
    assert Transfer.from_bytes(move.to_bytes()).noise_cosine == 0.8
    clean, first, again = move.apply(text), move.apply(text, ids=ids, noise=True), move.apply(text, ids=ids, noise=True)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != move.apply(text, ids=ids, noise=True, draw=1).tobytes()
    assert np.vecdot(clean, first).mean() == pytest.approx(0.8, abs=0.02)
    assert move.apply(text).tobytes() == clean.tobytes()
    with pytest.raises(ValueError, match="ids"):
        move.apply(text, noise=True)


def test_a_pass_of_realign_cuts_the_centroid_error_about_tenfold() -> None:
    rng = np.random.default_rng(5)
    d = 256
    space = Space("test", "1", d)
    cones = norm(rng.normal(size=(2, d))) * 0.5
    text = norm(cones[0] + rng.normal(size=(6000, d)) * np.linspace(1.5, 0.5, d) / 16)
    image = Statistics(space).add(cones[1] + rng.normal(size=(6000, d)) * np.linspace(0.5, 1.5, d) / 16)
    errors = []
    for passes in (1, 2, 3):
        moved = fit("realign", passes, image, lambda: [text]).apply(text)
        errors.append(float(np.linalg.norm(moved.astype(float).mean(axis=0) - image.mean)))
    assert 5 < errors[0] / errors[1] < 100
    assert 5 < errors[1] / errors[2] < 100


@pytest.mark.parametrize("passes", [1, 3])
def test_a_sample_does_for_realign_with_a_known_error(passes: int) -> None:
    rng = np.random.default_rng(6)
    text = (rng.normal(size=(30_000, D)) * np.linspace(0.3, 1, D) + 0.4).astype(np.float16)
    _, image = clouds()
    stats = Statistics(SPACE).add(image)
    exact = fit("realign", passes, stats, lambda: [text])

    def nothing() -> list[np.ndarray]:
        raise AssertionError("no shard is to be read")

    kept = Statistics(SPACE, sample=2000).add(text)
    sampled = fit("realign", passes, stats, nothing, text=kept, over="sample")
    off = np.linalg.norm(sampled.parameters["offset"] - exact.parameters["offset"])
    assert 0 < off < 4 * sampled.standard_errors["moved"] < 0.02
    everything = Statistics(SPACE, sample=40_000).add(text)
    whole = fit("realign", passes, stats, nothing, text=everything, over="sample")
    np.testing.assert_allclose(whole.parameters["offset"], exact.parameters["offset"], atol=1e-9)
    assert whole.moved_error == 0


def test_half_precision_agrees_with_float64_up_to_its_rounding() -> None:
    text, image = clouds()
    for method in METHODS:
        move = fitted(method, text, image, 2)
        found = np.empty(text.shape, np.float16)
        move.apply_half(text, found)
        exact = move.apply(text.astype(np.float64)).astype(np.float16)
        steps = np.spacing(np.abs(exact))
        assert (np.abs(found.astype(float) - exact) <= steps).all(), method
        assert (found != exact).mean() < 2e-3
        np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=1e-3)


def test_rows_that_nearly_vanish_keep_their_digits() -> None:
    text, image = clouds()
    move = fitted("mean_shift", text, image)
    near = (move.parameters["text_mean"] + 1e-4).astype(np.float16)[None]
    unit = norm(near.astype(float))
    np.testing.assert_allclose(move.apply(near), norm(unit - move.parameters["text_mean"]), atol=1e-6)


def test_standard_errors_are_those_of_the_statistics() -> None:
    text, image = clouds()
    found = fitted("realign", text, image[:900]).standard_errors
    assert found["text"] == pytest.approx(Statistics(SPACE).add(text).standard_error)
    assert found["image"] == pytest.approx(Statistics(SPACE).add(image[:900]).standard_error)


def test_versions_differ_where_results_differ() -> None:
    text, image = clouds()
    moves = [fitted(m, text, image, p) for m, p in (("none", 1), ("mean_shift", 1), ("realign", 1), ("realign", 2))]
    assert len({move.version() for move in moves}) == 4
    assert fitted("mean_shift", text[:-1], image).version() != moves[1].version()


@pytest.mark.parametrize("method", METHODS)
def test_bad_rows_are_named(method: str) -> None:
    text, image = clouds()
    move = fitted(method, text, image)
    text[3, 2] = np.nan
    with pytest.raises(UserError, match=r"captions: row 3 \(id c3\) has NaN"):
        move.apply(text, where="captions", ids=[f"c{i}" for i in range(len(text))])
    with pytest.raises(UserError, match="dimensions"):
        move.apply(text[:, :5])
    with pytest.raises(UserError, match="come from"):
        move.apply(text, space=Space("test", "2", D))
    if method != "none":
        with pytest.raises(UserError, match=r"shard 0: row 3 has NaN"):
            fitted(method, text, image)


def test_what_cannot_be_fitted_is_said_in_words() -> None:
    text, image = clouds()
    stats = Statistics(SPACE).add(image)
    with pytest.raises(UserError, match="unknown transfer method 'magic'"):
        fit("magic", 1, stats, lambda: [text])
    with pytest.raises(UserError, match="no vectors"):
        fit("mean_shift", 1, stats, list)
    with pytest.raises(UserError, match="the text vectors are all alike"):
        fit("realign", 1, stats, lambda: [text[:1]])
    with pytest.raises(UserError, match="the image vectors are all alike"):
        fit("realign", 1, Statistics(SPACE).add(image[:1]), lambda: [text])
    with pytest.raises(UserError, match="row 0 equals the mean"):
        fit("mean_shift", 1, stats, lambda: [text[:1]]).apply(text[:1])
    with pytest.raises(UserError, match="the text vectors come from"):
        fit("realign", 1, stats, lambda: [text], space=Space("other", "1", D))
    with pytest.raises(UserError, match="statistics"):
        Transfer.from_bytes(stats.to_bytes())


def test_saved_moves_run_no_code(tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    with pytest.raises(UserError, match="not a readable transfer"):
        Transfer.from_bytes(pickle.dumps(Evil()))
    assert not (tmp_path / "ran").exists()
