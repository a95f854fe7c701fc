import itertools
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import UserError
from unicorn_assets.training import ReleaseSampler


def parts(length: int, ranks: int, workers: int = 1, **options) -> list[ReleaseSampler]:
    return [
        ReleaseSampler(length, rank=rank, ranks=ranks, worker=worker, workers=workers, **options)
        for rank in range(ranks)
        for worker in range(workers)
    ]


@given(st.integers(0, 60), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_all_parts_together_read_everything_once(length: int, ranks: int, workers: int, seed: int, drop: bool) -> None:
    read = [list(each) for each in parts(length, ranks, workers, seed=seed, drop_last=drop)]
    assert len({len(part) for part in read}) == 1, "all parts are equally long"
    counts = Counter(number for part in read for _, number in part)
    count = ranks * workers
    if drop:
        assert sorted(counts) == [*counts.elements()] or max(counts.values()) == 1
        assert len(counts) == length // count * count
    else:
        assert set(counts) == set(range(length))
        assert sum(counts.values()) == -(-length // count) * count


@given(
    st.integers(1, 40), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30)), min_size=1, max_size=6),
    st.integers(0, 2), st.integers(0, 5),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_interruptions_change_nothing(length: int, runs: list[tuple[int, int]], seed: int, ahead: int) -> None:
    """Runs that are interrupted, each with another number of ranks and a loader that has asked ahead."""
    state, trained = None, []
    for ranks, steps in [*runs, (1, length)]:
        samplers = parts(length, ranks, seed=seed)
        if state:
            for each in samplers:
                each.load_state_dict(json.loads(json.dumps(state)))
        steps = min(steps, len(samplers[0]))
        asked = [list(itertools.islice(each, steps + ahead)) for each in samplers]
        trained += [asked[rank][step] for step in range(steps) for rank in range(ranks)]
        states = [each.state_dict(trained=steps) for each in samplers]
        assert all(each == states[0] for each in states)
        state = states[0]
        if state["epoch"]:
            break
    fresh = list(ReleaseSampler(length, seed=seed))
    assert trained[:length] == fresh
    assert len(trained) - length < 4


def test_epochs_follow_each_other_and_differ() -> None:
    sampler = ReleaseSampler(20, seed=3)
    first, second = list(sampler), list(sampler)
    assert (first[0][0], second[0][0]) == (0, 1)
    assert [number for _, number in first] != [number for _, number in second]
    assert sampler.state_dict() == {"seed": 3, "epoch": 2, "done": 0, "length": 20, "shuffle": True}
    sampler.set_epoch(1)
    assert list(sampler) == second
    assert list(ReleaseSampler(5, shuffle=False)) == [(0, number) for number in range(5)]


def test_the_order_is_the_same_on_every_machine() -> None:
    sampler = ReleaseSampler(8, seed=7)
    assert [number for _, number in sampler] == [4, 1, 6, 3, 2, 7, 5, 0]
    assert [number for _, number in sampler] == [2, 5, 7, 1, 3, 4, 0, 6]


def test_looking_at_the_first_batch_skips_nothing() -> None:
    sampler = ReleaseSampler(6)
    peeked = next(iter(sampler))
    assert next(iter(sampler)) == peeked


def test_setting_the_epoch_that_was_resumed_goes_on() -> None:
    sampler = ReleaseSampler(10, seed=1)
    taken = list(itertools.islice(sampler, 4))
    resumed = ReleaseSampler(10, seed=1)
    resumed.load_state_dict(sampler.state_dict())
    resumed.set_epoch(0)
    assert len(resumed) == 6
    assert taken + list(resumed) == list(ReleaseSampler(10, seed=1))


@pytest.mark.parametrize("other", [{"length": 11}, {"seed": 2}, {"shuffle": False}])
def test_a_checkpoint_of_something_else_is_refused(other: dict) -> None:
    state = ReleaseSampler(10, seed=1).state_dict()
    options = {"length": 10, "seed": 1} | other
    sampler = ReleaseSampler(options.pop("length"), **options)
    with pytest.raises(UserError, match=f"checkpoint's {next(iter(other))}"):
        sampler.load_state_dict(state)
    with pytest.raises(UserError, match="rank 2 of 2"):
        ReleaseSampler(10, rank=2, ranks=2)
