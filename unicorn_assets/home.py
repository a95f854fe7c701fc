"""Where things are on this machine: home, lake, recipe, from arguments or UNICORN_* environment variables.

Nothing here shapes the data; that is the recipe's part. Where GPU steps run is in gpu.py.
"""

import os
from dataclasses import dataclass
from pathlib import Path

DEMO_RECIPE = "recipes/demo.yaml"
LAST_RUN = "last-run"
HERE = "./"
"""Before what is relative to the home."""


@dataclass(frozen=True)
class Home:
    """A home holds what runs write: lake/, dagster/ (instance), logs/, and `recipe`, the path of the last recipe."""

    root: Path
    lake_url: str
    recipe: Path

    @property
    def dagster(self) -> Path:
        """Folder of the Dagster instance (DAGSTER_HOME)."""
        return self.root / "dagster"

    @property
    def logs(self) -> Path:
        """Folder of the logs of servers that runs start."""
        return self.root / "logs"


def find_home(home: str | None = None, lake: str | None = None, recipe: str | None = None) -> Home:
    """Home from arguments, else UNICORN_HOME, UNICORN_LAKE and UNICORN_RECIPE, else .unicorn/ and what it remembers."""
    root = Path(home or os.environ.get("UNICORN_HOME") or ".unicorn").absolute()
    remembered = _remembered(root)
    chosen_recipe = recipe or os.environ.get("UNICORN_RECIPE") or remembered.get("recipe") or _demo_recipe()
    chosen_lake = lake or os.environ.get("UNICORN_LAKE") or remembered.get("lake") or str(root / "lake")
    return Home(root, chosen_lake, Path(chosen_recipe).absolute())


def remember(home: Home) -> None:
    """Write down recipe and lake, so that `unicorn ui` or `status` later shows the same data. What lies in the home is
    written relative to it: a home that was copied or moved works on its own.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    places = {"recipe": str(home.recipe), "lake": home.lake_url}
    lines = [f"{key}={_from_home(home.root, place)}" for key, place in places.items()]
    fresh = home.root / f".{LAST_RUN}-{os.getpid()}"
    fresh.write_text("\n".join([*lines, ""]), encoding="utf-8")
    fresh.replace(home.root / LAST_RUN)


def _remembered(root: Path) -> dict[str, str]:
    try:
        lines = (root / LAST_RUN).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    kept = {key: str(root / value[len(HERE) :]) if value.startswith(HERE) else value for key, value in found.items()}
    lake = Path(kept.get("lake", ""))
    # Homes of before remembered full paths: a copy of one must not write to the lake of the other.
    if lake.name == "lake" and lake != root / "lake" and (root / "lake").is_dir() and _is_home_of(lake):
        kept["lake"] = str(root / "lake")
    return kept


def _is_home_of(lake: Path) -> bool:
    """Whether a lake is, or was, the usual one of another home."""
    return not lake.exists() or (lake.parent / LAST_RUN).exists()


def _from_home(root: Path, place: str) -> str:
    if "://" in place:
        return place
    path = Path(place).absolute()
    return f"{HERE}{path.relative_to(root)}" if path.is_relative_to(root) else str(path)


def _demo_recipe() -> str:
    """The demo recipe of this checkout, wherever the command is called from."""
    beside_package = Path(__file__).parent.parent / DEMO_RECIPE
    return str(beside_package if beside_package.exists() else Path(DEMO_RECIPE))
