"""Runs a command of `unicorn` as if only the packages of some extras were there: `package_set.py EXTRAS ARGUMENT...`.

An import of any other installed package fails as if it were not there. Texts are encoded by the stand-in of the
benchmarks, and Dagster's records stay in memory. A script, not a test, for what it blocks stays blocked.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
OURS = "unicorn-assets"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def wanted_by(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Direct requirements of a distribution with its extras; of ours by pyproject.toml, which may be newer."""
    if name == OURS:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        lines = [
            *project["dependencies"],
            *(line for extra in extras for line in project["optional-dependencies"][extra]),
        ]
        return [Requirement(line) for line in lines]
    found = [Requirement(line) for line in requires(name) or []]
    return [one for one in found if not one.marker or any(one.marker.evaluate({"extra": e}) for e in ("", *extras))]


def closure(extras: Sequence[str]) -> set[str]:
    """Names of all distributions that an install with these extras brings."""
    todo, seen = [(OURS, frozenset(extras))], set()
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        try:
            todo += [(canonical(one.name), frozenset(one.extras)) for one in wanted_by(*at)]
        except PackageNotFoundError:  # overridden away in [tool.uv], or of another platform
            continue
    return {name for name, _ in seen}


class OnlyThese(MetaPathFinder):
    """Refuses modules of installed distributions that are not among those given."""

    def __init__(self, distributions: set[str]) -> None:
        owners = packages_distributions().items()
        self._absent = {module for module, names in owners if not distributions & {canonical(name) for name in names}}

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in self._absent:
            raise ModuleNotFoundError(f"No module named {fullname!r} in this package set", name=fullname)


def main(extras: Sequence[str], arguments: Sequence[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        del sys.modules[name]
    sys.meta_path.insert(0, OnlyThese(closure(extras)))
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks" / "hostile")]
    import dagster as dg
    from plain_encoder import install

    from unicorn_assets.automation import local_run
    from unicorn_assets.cli import app

    install()
    with dg.DagsterInstance.ephemeral() as instance:
        local_run.local_instance = lambda home: nullcontext(instance)
        app(arguments)


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2:])
