"""The column mapping of a source: which columns it wants, and what to say when one is not there."""

import difflib
from collections.abc import Iterable

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.normalise import escaped, normalise

_SHOWN_NAMES, _SHOWN_CHARS = 20, 40


def wanted_columns(source: Source) -> dict[str, str]:
    """Role (text, domain, label) to column name, for the roles that the recipe maps."""
    mapped = {"text": source.columns.text, "domain": source.columns.domain, "label": source.columns.label}
    return {role: name for role, name in mapped.items() if name is not None}


def plain_name(name: str) -> str:
    """The form in which column names of a CSV file and of the recipe are compared: white space, line breaks and
    invisible characters do not tell two names apart, letter case does.
    """
    return normalise(name)


def missing_column(source: Source, column: str, known: Iterable[str], where: str) -> UserError:
    """The error for a column that the file does not have; names the nearest one."""
    names = [name for name in known if name]
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(column.lower()[:200], [name[:200] for name in by_lower], 1)
    guess = f"; did you mean {by_lower[near[0]]!r}?" if near and near[0] in by_lower else ""
    have = ", ".join(_short(name) for name in names[:_SHOWN_NAMES]) or "none"
    more = f" and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else ""
    role = next(role for role, name in wanted_columns(source).items() if name == column)
    return UserError(
        f"{where}: source {source.name!r}: there is no column {_short(column)!r}{guess}",
        f"the columns are: {have}{more}; set `columns: {{{role}: ...}}` of the source",
    )


def _short(name: str) -> str:
    name = escaped(name)
    return name if len(name) <= _SHOWN_CHARS else f"{name[: _SHOWN_CHARS - 3]}..."
