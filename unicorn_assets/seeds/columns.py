"""The column mapping of a source: which columns it wants, and what to say when one is not there."""

import difflib
from collections.abc import Iterable

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source


def wanted_columns(source: Source) -> dict[str, str]:
    """Role (text, domain, label) to column name, for the roles that the recipe maps."""
    mapped = {"text": source.columns.text, "domain": source.columns.domain, "label": source.columns.label}
    return {role: name for role, name in mapped.items() if name is not None}


def missing_column(source: Source, column: str, known: Iterable[str], where: str) -> UserError:
    """The error for a column that the file does not have; names the nearest one."""
    names = [name for name in known if name]
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(column.lower(), list(by_lower), 1)
    guess = f"; did you mean {by_lower[near[0]]!r}?" if near else ""
    have = ", ".join(names[:20]) or "none"
    role = next(role for role, name in wanted_columns(source).items() if name == column)
    return UserError(
        f"{where}: source {source.name!r}: there is no column {column!r}{guess}",
        f"the columns are: {have}; set `columns: {{{role}: ...}}` of the source",
    )
