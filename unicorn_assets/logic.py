"""The version of what decides about rows: a hash of its own source text, so that nobody has to raise a number.

A gate that changes makes the shards that it judged outdated; they are made again from the journal, without a request.
Comments and docstrings do not count; lists beside a module (.txt) that its source names do. Not here: prompts, schemas,
models and settings, which enter a version by value; stage 3, where a new version costs hours of a GPU and is raised by
hand.
"""

import ast
import importlib.util
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from unicorn_assets.ids import digest

DECIDING = tuple(
    f"unicorn_assets.{room}"
    for room in ("seeds", "captions", "instructions", "curation", "generation", "text", "llm.client.reply",
                 "llm.client.drafting")
)  # fmt: skip
"""Where code that decides about a row may live; an import that leads elsewhere is not followed."""

_TEXT_OR_COMMENT = re.compile(
    r""""{3}(?:[^\\]|\\.)*?"{3}|'{3}(?:[^\\]|\\.)*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\#[^\n]*""", re.DOTALL
)
"""Whatever may hold a number sign. Python's own tokens take ten times as long, in each process of each run."""


@cache
def logic_of(*modules: str) -> str:
    """Short hash of these modules (dotted names) and of all in the deciding rooms that they import, however far."""
    found: dict[str, str] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in found:
            found[name], imported = _code(name)
            todo += [other for other in imported if _decides(other)]
    return digest(found, 4)


def _decides(module: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in DECIDING)


@cache
def _code(module: str) -> tuple[str, frozenset[str]]:
    """Hash of a module's source without comments and docstrings, and the modules of ours that it imports."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return "", frozenset()
    with tokenize.open(spec.origin) as file:
        source = file.read()
    tree = ast.parse(source)
    imported: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # What is imported from a package may be a module of its own.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            imported |= {node.module, *(name for name in names if _decides(name) and _is_module(name))}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    lists = [path.read_text("utf-8") for path in sorted(Path(spec.origin).parent.glob("*.txt")) if path.name in source]
    return digest([_without_words(source, tree), *lists], 8), frozenset(imported)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, however deep; expressions hold none."""
    todo = [tree]
    while todo:
        node = todo.pop()
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            below = getattr(node, name, ())
            yield from below
            todo += below


def _without_words(source: str, tree: ast.AST) -> str:
    lines = _TEXT_OR_COMMENT.sub(lambda found: "" if found[0][0] == "#" else found[0], source).splitlines()
    for node in _statements(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
