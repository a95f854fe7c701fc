"""The one partitions definition: a partition is a shard of a source, key `<source>-<00000>`.

Dynamic, because a source that grows adds shards; a row never moves from one shard to another.
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

SHARDS_NAME = "shards"
SHARDS = dg.DynamicPartitionsDefinition(name=SHARDS_NAME)

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"


def register(instance: dg.DagsterInstance, shards: Sequence[str]) -> tuple[list[str], list[str]]:
    """Make the instance's partition keys equal to `shards`; returns the keys added and removed."""
    known = instance.get_dynamic_partitions(SHARDS_NAME)
    added = [key for key in shards if key not in set(known)]
    removed = [key for key in known if key not in set(shards)]
    if added:
        instance.add_dynamic_partitions(SHARDS_NAME, added)
    for key in removed:
        instance.delete_dynamic_partition(SHARDS_NAME, key)
    return added, removed


def shards_of_run(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> list[str]:
    """The shards that a run with these tags works on; all of them when it names none."""
    keys = list(instance.get_dynamic_partitions(SHARDS_NAME))
    if PARTITION in tags:
        return [tags[PARTITION]]
    if RANGE_START in tags:
        return keys[keys.index(tags[RANGE_START]) : keys.index(tags[RANGE_END]) + 1]
    return keys


def ranges(instance: dg.DagsterInstance, chosen: Iterable[str]) -> list[tuple[str, str]]:
    """The chosen shards as first and last key of runs of neighbours, in the instance's order of keys."""
    wanted = set(chosen)
    found: list[tuple[str, str]] = []
    before_was_chosen = False
    for key in instance.get_dynamic_partitions(SHARDS_NAME):
        if key in wanted:
            start = found.pop()[0] if before_was_chosen else key
            found.append((start, key))
        before_was_chosen = key in wanted
    return found
