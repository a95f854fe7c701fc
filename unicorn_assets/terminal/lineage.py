"""The tree of a lineage for people. Gathering is in lake/lineage.py and lineage/."""

from rich.text import Text
from rich.tree import Tree

from unicorn_assets.lake.lineage import Lineage, Step
from unicorn_assets.terminal.console import plain


def lineage_tree(lineage: Lineage) -> Tree:
    """The chain around an id: where it came from above it, what was made of it below."""
    tree = Tree(_named(lineage.kind, "bold", lineage.id))
    for step in lineage.steps:
        _grow(tree, step)
    return tree


def _grow(tree: Tree, step: Step) -> None:
    branch = tree.add(_named(step.kind, "bold cyan", step.id))
    for key, value in step.facts.items():
        branch.add(_named(key, "dim", value))
    for child in step.children:
        _grow(branch, child)


def _named(name: str, style: str, value: object) -> Text:
    return Text.assemble((name, style), " ", plain(str(value)))
