import dagster as dg

from unicorn_assets.partitions import RANGE_END, RANGE_START, ranges, register, shards_of_run

KEYS = ["a-00000", "a-00001", "b-00000", "c-00000", "c-00001"]


def test_neighbours_become_one_range() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, KEYS)
        assert ranges(instance, KEYS) == [("a-00000", "c-00001")]
        assert ranges(instance, ["a-00001", "b-00000", "c-00001"]) == [("a-00001", "b-00000"), ("c-00001", "c-00001")]
        assert ranges(instance, []) == []


def test_a_run_knows_its_shards() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, KEYS)
        assert shards_of_run(instance, {RANGE_START: "a-00001", RANGE_END: "c-00000"}) == KEYS[1:4]
        assert shards_of_run(instance, {"dagster/partition": "b-00000"}) == ["b-00000"]
        assert shards_of_run(instance, {}) == KEYS


def test_registering_again_adds_and_removes_only_the_difference() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert register(instance, KEYS) == (KEYS, [])
        assert register(instance, [*KEYS[1:], "d-00000"]) == (["d-00000"], ["a-00000"])
        assert register(instance, [*KEYS[1:], "d-00000"]) == ([], [])
