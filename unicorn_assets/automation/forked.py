"""What the processes of steps share: loaded once by the process that they are forks of, before any step is.

Steps need the definitions, clients, and what the instance is made of; and the versions of all code, for which every
file of it is read and parsed. That took each step some two seconds of processor time, most of what a small shard costs.
Not here: which executor forks (gpu.py). Nothing here starts a thread: a fork would have its locks, and no thread.
"""

import atexit
import gc
import importlib
import os
import re
from contextlib import suppress
from pathlib import Path

SHARED = ("unicorn_assets.definitions", "unicorn_assets.versions", "unicorn_assets.llm.client.engine", "duckdb")
"""Modules that most steps import."""


def of_the_instance() -> list[str]:
    """Modules that the instance's own file names: storage, logs."""
    try:
        text = Path(os.environ.get("DAGSTER_HOME", ""), "dagster.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    return re.findall(r"^\s*module: *([\w.]+)", text, re.MULTILINE)


def load() -> None:
    """Import all of it, and remember the hash of each file of code. What fails here fails in the step, and is told."""
    gc.disable()  # what is imported stays: looking through it again and again took a fifth of the time
    try:
        _import()
    finally:
        gc.freeze()  # nor do the steps look through it
        atexit.register(gc.unfreeze)  # else libraries complain of leaks at the end
        gc.enable()


def _import() -> None:
    for name in (*SHARED, *of_the_instance()):
        with suppress(ImportError):
            importlib.import_module(name)
    from unicorn_assets.errors import UserError
    from unicorn_assets.home import find_home
    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.versions import versions

    with suppress(UserError, OSError):
        versions(load_recipe(find_home().recipe))


load()
