"""Write docs/reference.md from the code: tables and columns, checks, recipe keys. A test keeps it current."""

import contextlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from unicorn_assets.checks.queries import queries
from unicorn_assets.lake.schemas import TABLES
from unicorn_assets.recipe import Recipe

FILE = Path(__file__).parent.parent / "docs" / "reference.md"


def reference() -> str:
    """The whole page."""
    parts = [
        "# Reference", "Written by `python scripts/reference.py` from the code.",
        "## Recipe keys", "Every key with its default; a key without one is required.", *_section(Recipe, ""),
        "## Tables", "One Parquet file per shard under `tables/<table>/` in the lake; `quarantine/<stage>` likewise.",
    ]  # fmt: skip
    for table, columns in TABLES.items():
        rows = [f"| `{name}` | {column.dtype} | {column.about} |" for name, column in columns.items()]
        parts += [f"### {table}", "\n".join(["| column | type | holds |", "|---|---|---|", *rows])]
    parts += ["## Checks", "One file each under `unicorn_assets/checks/sql/`; a query returns the violating rows."]
    for asset, found in queries().items():
        rows = [
            f"| `{q.name}` | {q.about} | {'error' if q.is_error else 'warning'}{', blocks' if q.blocking else ''} |"
            for q in found
        ]
        parts += [f"### {asset}", "\n".join(["| check | expects | when broken |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """What stands beside each key in the source, of the class and of those it builds on."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if issubclass(part, BaseModel) and part is not BaseModel:
            with contextlib.suppress(OSError):  # made from graph.py, without source of its own
                found |= dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(part), re.MULTILINE))
    return found


def _section(model: type[BaseModel], path: str) -> list[str]:
    rows, inner = [], []
    comments = _comments(model)
    for name, field in model.model_fields.items():
        nested = _model_in(field.annotation)
        key = f"{path}{name}"
        if nested is not None:
            is_list = "list[" in str(field.annotation)
            inner += _section(nested, f"{key}[]." if is_list else f"{key}.")
            continue
        default = "" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
        rows.append(f"| `{key}` | {default} | {field.description or comments.get(name, '')} |")
    head = [f"### {path.rstrip('.[]') or 'top level'}", (model.__doc__ or "").strip()]
    return [*head, "\n".join(["| key | default | meaning |", "|---|---|---|", *rows]), *inner]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *get_args(annotation)]
    candidates += [arg for outer in candidates for arg in get_args(outer)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
