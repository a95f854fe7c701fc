"""What the processes of steps share: loaded once by the process that they are forks of, before any step is.

Steps need the definitions, Dagster's storage, clients and databases; and the versions of all code, for which every file
of it is read and parsed. That took each step some two seconds of processor time, most of what a small shard costs. Not
here: which executor forks (gpu.py). Nothing here starts a thread: a fork would have its locks, and no thread.
"""

import importlib
from contextlib import suppress

from unicorn_assets import definitions
from unicorn_assets.errors import UserError
from unicorn_assets.home import find_home
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.versions import versions

SHARED = (
    "duckdb", "unicorn_assets.llm.client.engine", "unicorn_assets.postgres", "dagster_aws.s3.compute_log_manager",
)  # fmt: skip
"""Modules that most steps import; the last two only where the production instance is installed."""

assert definitions, "imported for its own imports"
for name in SHARED:
    with suppress(ImportError):
        importlib.import_module(name)
with suppress(UserError, OSError):  # the step itself says what is wrong
    versions(load_recipe(find_home().recipe))  # remembers the hash of each file of code
