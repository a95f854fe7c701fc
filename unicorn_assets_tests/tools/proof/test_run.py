"""What conditions share and where they differ; answers that are kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.proof import run
from tools.proof.__main__ import found_in
from tools.proof.develop import chosen
from tools.proof.questions import Question
from tools.proof.run import Job, answers
from tools.proof.size import CONDITIONS, RATES, SIZES
from tools.proof.vectors import captions_of, pictures_of, strangers
from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake
from unicorn_assets.release import release_pretrain
from unicorn_assets_tests.small_lake import DIMENSION, SHARDS, facts, fill, small_recipe, vectors_of
from unicorn_assets_tests.training.test_llava import small_llm

SIZE = replace(SIZES["cpu"], epochs=(1, 1), batch=(4, 4))


@pytest.fixture
def job(disk_lake: Lake, tmp_path: Path) -> Callable[..., Job]:
    fill(disk_lake)
    release = Path(release_pretrain(disk_lake, small_recipe(), SHARDS, facts()).path)
    records = captions_of(release)
    told = list(records.values())[:4]
    questions = [Question(str(i), str(i), "trained", (told[i], told[i - 1])) for i in range(4)]
    others = [[row] for row in vectors_of([f"picture {record}" for record in records])]
    asked = vectors_of([f"asked {number}" for number in range(4)])

    def made(condition: str, seed: int = 0) -> Job:
        return Job(f"{condition}-{seed}", SIZE, condition, seed, tmp_path, release, records, questions, asked, others)

    return made


def test_conditions_differ_in_vectors_alone(job: Callable[..., Job]) -> None:
    found = {name: job(name).material() for name in CONDITIONS}
    text = vectors_of(list(job("none").records)).astype(np.float16).astype(np.float32)
    for name, one in found.items():
        assert one.captions == list(job(name).records.values())
        assert np.array_equal(one.asked, job(name).asked) == (name != "blind")
        assert one.vectors(0).shape == text.shape
    for name in ("none", "mean_shift", "realign"):
        assert np.array_equal(found[name].vectors(0), found[name].vectors(1))
        assert np.allclose(found[name].vectors(0), text, atol=1e-3)
    assert not found["blind"].vectors(0).any()
    assert not found["blind"].asked.any()
    assert np.array_equal(found["real_images"].vectors(1), np.stack([rows[0] for rows in job("none").others]))
    noisy = found["c3"].vectors(0)
    assert not np.array_equal(noisy, found["c3"].vectors(1)), "noise is drawn anew each epoch"
    shuffled = found["shuffled"].vectors(0)
    assert not np.any(np.all(shuffled == noisy, axis=1)), "none keeps its own"
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, noisy)), "the same vectors, at other records"
    assert noisy.shape == (6, DIMENSION)


def test_each_has_a_stranger_and_none_itself() -> None:
    for count in (2, 3, 50):
        found = strangers(count, seed=1)
        assert sorted(found) == list(range(count))
        assert not np.any(found == np.arange(count))
    assert not np.array_equal(strangers(50, 1), strangers(50, 2))


def test_other_records_are_refused(job: Callable[..., Job]) -> None:
    with pytest.raises(UserError, match="other records"):
        replace(job("none"), records={"x": "A cat."}).material()


def test_a_run_that_was_ended_goes_on_to_the_same_answers(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers", minversion="5.19")
    llm = small_llm()
    monkeypatch.setattr(run, "_loaded", lambda folder: llm)
    jobs = [job("none"), job("c3"), job("none", seed=1)]

    def told(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {name: [one["right"], one["by_captions"], one["losses"]] for name, one in found.items()}

    whole = told(answers(jobs, tmp_path / "whole", 1))
    first = told(answers(jobs[1:2], tmp_path / "parts", 1))
    kept = (tmp_path / "parts" / "c3-0.json").stat()
    again = told(answers(jobs, tmp_path / "parts", 1))
    assert again == whole
    assert first == {"c3-0": whole["c3-0"]}
    assert (tmp_path / "parts" / "c3-0.json").stat() == kept, "what was there was not made again"
    assert whole["none-0"] != whole["none-1"]
    assert len(whole["c3-0"][0]) == 4


def test_exported_pictures_are_found_by_their_concept(tmp_path: Path) -> None:
    from unicorn_assets.lake.store import encode_ids
    from unicorn_assets.safetensors_header import header_bytes

    rows, ids = np.eye(3, dtype="<f2"), encode_ids(["1f34e.google.png", "1f34f.png", "1f34e.noto-v1.png"])
    head = header_bytes({"vectors": ("F16", rows.shape), "ids": ("U8", ids.shape)}, {})
    (tmp_path / "p.safetensors").write_bytes(head + rows.tobytes() + ids.tobytes())
    found = pictures_of(tmp_path / "p.safetensors")
    assert {name: len(vectors) for name, vectors in found.items()} == {"1f34e": 2, "1f34f": 1}
    assert np.array_equal(found["1f34e"][1], [0, 0, 1])


def test_rates_with_most_right_answers_are_chosen_and_of_equals_the_first() -> None:
    told = [[1, 0, 0], [1, 0.5, 0], [0, 1, 0.5]]
    found = {f"{number}": {"right": right} for number, right in enumerate(told)}
    assert chosen(found) == RATES[1]


def test_figures_are_of_each_part_by_itself() -> None:
    size = replace(SIZE, conditions=("none", "c3", "blind"), seeds=2)
    questions = [Question(f"{i}", f"{i}", "trained" if i < 3 else "held_out", ()) for i in range(5)]
    nothing = np.empty((0, 0), np.float32)
    jobs = [Job("", size, "none", 0, Path(), Path(), {}, questions, nothing, ())]
    right = {"none": [0, 0, 1, 1, 1], "c3": [1, 1, 1, 0, 0], "blind": [0.25] * 5}
    kept = {
        f"{name}-{seed}": {"right": one, "by_captions": [1, 1, 1, 1, seed], "by_likelihood": [0, 0, 0, 1, 1]}
        for name, one in right.items()
        for seed in range(2)
    }
    found = found_in(kept, jobs)
    assert found["trained"]["best_minus"]["none"].mean == pytest.approx(2 / 3)
    assert found["held_out"]["best_minus"]["none"].mean == -1
    assert found["held_out"]["accuracy"]["blind"].mean == 0.75, "blind is asked by the captions alone"
    assert (found["trained"]["questions"], found["held_out"]["questions"]) == (3, 2)
    assert found["held_out"]["accuracy_by_plain_likelihood"]["c3"] == 1
