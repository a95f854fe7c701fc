"""Freshness policies of catalog and releases, where somebody said how old they may grow (UNICORN_FRESH_HOURS)."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from unicorn_assets.graph import RELEASES
from unicorn_assets.keys import asset_name

FRESH = ("seed_catalog", *RELEASES)


def with_freshness(assets: Sequence[dg.AssetsDefinition], hours: int | None) -> list[dg.AssetsDefinition]:
    """The assets; catalog and releases warn when they were last made longer ago than `hours`, and fail after twice
    that. None: nobody minds.
    """
    if hours is None:
        return list(assets)
    policy = dg.FreshnessPolicy.time_window(timedelta(hours=2 * hours), timedelta(hours=hours))
    return [
        asset.map_asset_specs(
            lambda spec: spec.replace_attributes(freshness_policy=policy) if asset_name(spec.key) in FRESH else spec
        )
        for asset in assets
    ]
