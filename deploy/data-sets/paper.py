"""The data set of recipes/unicorn-1.2m.yaml as a code location: its recipe, its lake, nothing else."""

from pathlib import Path

from unicorn_assets.definitions import build_defs
from unicorn_assets.home import find_home

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".unicorn-paper"

defs = build_defs(find_home(str(HOME), lake=str(HOME / "lake"), recipe=str(ROOT / "recipes" / "unicorn-1.2m.yaml")))
