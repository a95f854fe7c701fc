"""The page about a lake's health: written by `unicorn status --html FILE` and at the end of each `unicorn run`, served
by `unicorn status --serve PORT` and `unicorn ui`.

Here: gathering what it says from lake, home and recipe. Not here: the page itself (health/page.py).
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unicorn_assets.errors import UserError
from unicorn_assets.health.page import About, health_page
from unicorn_assets.health.rates import rates, release_before
from unicorn_assets.health.states import Health
from unicorn_assets.health.states import health as look
from unicorn_assets.health.wanted import Wanted, wanted_of
from unicorn_assets.home import Home
from unicorn_assets.lake.owner import owner
from unicorn_assets.lake.store import Lake
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.terminal.report import Report, gather

PAGE, LAST_RUN = "status.html", "last-run.json"


@dataclass(frozen=True)
class LastRun:
    """How the last `unicorn run` of a home ended: when, after how many seconds, with which exit code."""

    at: str
    seconds: float
    exit_code: int

    def __str__(self) -> str:
        """A few words."""
        ended = "all done" if not self.exit_code else f"ended with {self.exit_code}"
        return f"{ended}, {self.seconds:,.0f} s, {self.at.replace('T', ' ')[:16]}"


def keep_last_run(place: Home, seconds: float, exit_code: int) -> None:
    """Write down how a run ended."""
    run = LastRun(_now(), round(seconds, 1), exit_code)
    (place.root / LAST_RUN).write_text(json.dumps(asdict(run)) + "\n", encoding="utf-8")


def last_run(place: Home) -> LastRun | None:
    """How the last run ended; None when nobody knows."""
    try:
        return LastRun(**json.loads((place.root / LAST_RUN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def wanted_here(place: Home, lake: Lake, quick: bool = False) -> tuple[Wanted, str]:
    """What the recipe of a home wants of its lake, and why that is not known; `quick`: sources are not read."""
    try:
        recipe = load_recipe(place.recipe)
        name = owner(lake)
        if name in (None, recipe.name):
            return wanted_of(recipe, sources=not quick), ""
        return (
            Wanted(),
            f"not compared with a recipe: the lake is of {name!r}, {place.recipe.name} is of {recipe.name!r}",
        )
    except UserError as error:
        return Wanted(), f"not compared with the recipe: {error.message}"


def page_of(place: Home, proved: dict[str, Any] | None = None) -> str:
    """The page as it is by now; files that are in `proved` are not read again while they stay as they are."""
    lake = Lake(place.lake_url, proved=proved)
    wanted, not_compared = wanted_here(place, lake)
    return page_text(place, lake, gather(lake), look(lake, wanted=wanted), not_compared)


def page_text(place: Home, lake: Lake, report: Report, health: Health, not_compared: str = "") -> str:
    """The page of what was gathered; `not_compared`: why it is not known what the recipe wants."""
    spent = report.spent
    usd = f", {spent['usd']:,.2f} USD" if spent["usd"] >= 0.005 else ""
    run, captions = last_run(place), report.tables["captions"]
    facts = {
        "captions": f"{captions.rows:,}",
        "instructions": f"{report.tables['instructions'].rows:,}",
        "spent over all runs": f"{spent['tokens']:,} tokens{usd}" if spent["calls"] else "nothing",
        "last unicorn run": str(run) if run else "none is known",
        "last unicorn verify": report.verified["at"].replace("T", " ")[:16] if report.verified else "never",
        **({"recipe": not_compared} if not_compared else {}),
    }
    about = About(report.lake, f"{_now().replace('T', ' ')[:16]} UTC", facts)
    return health_page(health, rates(health, release_before(lake)), about)


def write_page(text: str, path: Path) -> None:
    """Write the page to `path`, whole."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}", "give --html a file in a folder that is there"
        ) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
