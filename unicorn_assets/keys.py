"""What Dagster calls the parts of a data set: asset keys, steps, partition keys' definition. The only place that knows.

All of them carry the recipe's name, so that several data sets live on one instance and none touches another's records.
`data_set` is that name everywhere here. Not here: partition keys and their ranges (partitions.py), or what the graph
holds (graph.py).
"""

import dagster as dg

from unicorn_assets.graph import ASSETS


def asset_key(data_set: str, asset: str) -> dg.AssetKey:
    """The key of an asset of graph.py."""
    return dg.AssetKey([data_set, asset])


def asset_name(key: dg.AssetKey) -> str:
    """The name in graph.py of the asset with this key."""
    return key.path[-1]


def step_key(data_set: str, asset: str) -> str:
    """The op that makes the asset, maybe with others: its step, and its section of a run's config."""
    return asset_key(data_set, ASSETS[asset].step or asset).to_python_identifier()


def step_name(step: str) -> str:
    """The name in graph.py of the asset that a step makes, or of the step; a step of checks has its own."""
    return step.rpartition("__")[2]


def shards_name(data_set: str) -> str:
    """The name of the definition that holds the data set's partition keys."""
    return f"shards-of-{data_set}"
