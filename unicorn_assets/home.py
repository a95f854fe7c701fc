"""Where things are on this machine: home, lake, recipe, from arguments or UNICORN_* environment variables.

Nothing here shapes the data; that is the recipe's part. Where GPU steps run is in gpu.py.
"""

import os
from dataclasses import dataclass
from pathlib import Path

DEMO_RECIPE = "recipes/demo.yaml"


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
    """Write down recipe and lake, so that `unicorn ui` or `status` later shows the same data."""
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "last-run").write_text(f"recipe={home.recipe}\nlake={home.lake_url}\n", encoding="utf-8")


def _remembered(root: Path) -> dict[str, str]:
    try:
        lines = (root / "last-run").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _demo_recipe() -> str:
    """The demo recipe of this checkout, wherever the command is called from."""
    beside_package = Path(__file__).parent.parent / DEMO_RECIPE
    return str(beside_package if beside_package.exists() else Path(DEMO_RECIPE))
