"""A link from each asset in the UI to the page that answers "is my data good?", where somebody serves it.

UNICORN_HEALTH_URL says where: `unicorn ui` sets it, elsewhere `unicorn status --serve` does the serving. Not here: the
page (health/page.py), or serving it (cli/serve.py).
"""

import os
from collections.abc import Mapping, Sequence

import dagster as dg

from unicorn_assets.errors import UserError

URL = "UNICORN_HEALTH_URL"
LABEL = "Is the data good?"


def health_url(environment: Mapping[str, str] = os.environ) -> str:
    """Where the page is served; empty: nowhere."""
    url = environment.get(URL, "").strip()
    if url and not url.startswith(("http://", "https://")):
        raise UserError(f"{URL} is {url[:100]!r}", "give an address that a browser opens, http:// or https://")
    return url


def with_link(assets: Sequence[dg.AssetsDefinition], url: str) -> list[dg.AssetsDefinition]:
    """The assets, each with the link at the end of its description, which the UI shows at the top."""
    if not url:
        return list(assets)
    link = f"[{LABEL}]({url})"
    return [
        asset.map_asset_specs(
            lambda spec: spec.replace_attributes(description=f"{spec.description or ''}\n\n{link}".strip())
        )
        for asset in assets
    ]
