"""Asset checks: one factory over sql/<asset>/<check>.sql, DuckDB queries that return the violating rows.

Here: which query belongs to which asset, how hard it fails. Not here: gates on single rows (captions, instructions).
"""

from unicorn_assets.checks.factory import build_checks

__all__ = ["build_checks"]
