import dagster as dg

from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards, ranges, register, shards_of_run

KEYS = ["a-00000", "a-00001", "b-00000", "c-00000", "c-00001"]


def test_neighbours_become_one_range() -> None:
    assert ranges(KEYS, KEYS) == [("a-00000", "c-00001")]
    assert ranges(KEYS, ["a-00001", "b-00000", "c-00001"]) == [("a-00001", "b-00000"), ("c-00001", "c-00001")]
    assert ranges(KEYS, []) == []


def test_a_run_knows_its_shards() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "mine", KEYS)
        assert shards_of_run(instance, "mine", {RANGE_START: "a-00001", RANGE_END: "c-00000"}) == KEYS[1:4]
        assert shards_of_run(instance, "mine", {"dagster/partition": "b-00000"}) == ["b-00000"]
        assert shards_of_run(instance, "mine", {}) == KEYS


def test_registering_again_adds_and_removes_only_the_difference() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "other", KEYS[:2])
        assert register(instance, "mine", KEYS) == (KEYS, [])
        assert register(instance, "mine", [*KEYS[1:], "d-00000"]) == (["d-00000"], ["a-00000"])
        assert register(instance, "mine", [*KEYS[1:], "d-00000"]) == ([], [])
        assert known_shards(instance, "other") == KEYS[:2], "another data set's keys are no business of this one"
