"""`unicorn`: the command line for people. Every command is thin over the rooms it calls.

One module per group of commands; importing a module adds its commands to the app. Work is done elsewhere.
"""

from unicorn_assets.cli import plan, run  # noqa: F401, I001 - in the order in which --help lists them
from unicorn_assets.cli import look, lineage, sql, impact, diff, diversity  # noqa: F401
from unicorn_assets.cli import quarantine, benchmarks, verify, export, reference, transfer, machine  # noqa: F401
from unicorn_assets.cli.common import app
from unicorn_assets.ending import ends_now, ends_when_told


def main() -> None:
    """Entry point of the `unicorn` script."""
    import gc
    import os

    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else it looks through every installed package
    ends_when_told()
    gc.set_threshold(50_000, 20, 20)  # modules are not garbage: looking for it took a tenth of a short command
    try:
        app()
    finally:
        ends_now()
