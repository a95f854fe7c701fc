"""The one partitions definition of a data set: a partition is a shard of a source, key `<source>-<00000>`.

Dynamic, because a source that grows adds shards; a row never moves from one shard to another. Each data set has its
own (`data_set` is its recipe's name), so that no other one's keys come or go with it.
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from unicorn_assets.keys import shards_name

RANGE_START = ASSET_PARTITION_RANGE_START_TAG
RANGE_END = ASSET_PARTITION_RANGE_END_TAG
PARTITION = PARTITION_NAME_TAG


def shards_definition(data_set: str) -> dg.DynamicPartitionsDefinition:
    """The partitions of all assets of this data set that are made shard by shard."""
    return dg.DynamicPartitionsDefinition(name=shards_name(data_set))


def known_shards(instance: dg.DagsterInstance, data_set: str) -> list[str]:
    """The partition keys of this data set, in the instance's order."""
    return list(instance.get_dynamic_partitions(shards_name(data_set)))


def register(instance: dg.DagsterInstance, data_set: str, shards: Sequence[str]) -> tuple[list[str], list[str]]:
    """Make the data set's partition keys equal to `shards`; returns the keys added and removed."""
    known = known_shards(instance, data_set)
    added = [key for key in shards if key not in set(known)]
    removed = [key for key in known if key not in set(shards)]
    if added:
        instance.add_dynamic_partitions(shards_name(data_set), added)
    for key in removed:
        instance.delete_dynamic_partition(shards_name(data_set), key)
    return added, removed


def shards_of_run(instance: dg.DagsterInstance, data_set: str, tags: Mapping[str, str]) -> list[str]:
    """The shards that a run with these tags works on; all of them when it names none."""
    keys = known_shards(instance, data_set)
    if PARTITION in tags:
        return [tags[PARTITION]]
    if RANGE_START in tags:
        return keys[keys.index(tags[RANGE_START]) : keys.index(tags[RANGE_END]) + 1]
    return keys


def ranges(keys: Iterable[str], chosen: Iterable[str]) -> list[tuple[str, str]]:
    """The chosen shards as first and last key of runs of neighbours, in the order of the partition keys."""
    wanted = set(chosen)
    found: list[tuple[str, str]] = []
    before_was_chosen = False
    for key in keys:
        if key in wanted:
            start = found.pop()[0] if before_was_chosen else key
            found.append((start, key))
        before_was_chosen = key in wanted
    return found
