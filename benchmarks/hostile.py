"""Runs the real command line against servers that fail, lie and shout, and over damaged files.

    python benchmarks/hostile.py --json [--modes a,b] [--quick] [--lanes 2] [--keep FOLDER] [--flips 1000]

Modes meet `plan`, many also `run`, `status`, `show` and `quarantine`; then the same lake meets a good server until it
is whole. Last, bits of a finished lake are flipped. docs/robustness.md says what the figures mean.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from figures import figures_of, table_of
from modes import QUICK, all_modes, single
from together import walk_all


def main() -> int:
    """Print the figures; 1 when something was found."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="one JSON document")
    arguments.add_argument("--modes", help="only these, separated by commas")
    arguments.add_argument("--quick", action="store_true", help="a dozen modes and a hundred flips")
    arguments.add_argument("--thorough", action="store_true", help="every mode meets `run` too (an hour)")
    arguments.add_argument("--lanes", type=int, default=2, help="modes side by side")
    arguments.add_argument("--keep", type=Path, help="folder for the homes of modes where something was found")
    arguments.add_argument("--flips", type=int, help="flipped bits; 1000 unless modes are chosen")
    chosen = arguments.parse_args()
    names = QUICK.split() if chosen.quick else (chosen.modes or "").split(",") if chosen.modes else []
    modes = [single(name) for name in names] or all_modes()
    if chosen.quick:
        modes = [replace(mode, runs=False) for mode in modes]
    if chosen.thorough:
        modes = [replace(mode, runs=True) for mode in modes]
    flips = chosen.flips if chosen.flips is not None else 100 if chosen.quick else 0 if names else 1000
    memory = Path("/dev/shm")  # thousands of small commits; a disk would be all that is measured
    with tempfile.TemporaryDirectory(prefix="unicorn-hostile-", dir=memory if memory.is_dir() else None) as scratch:
        rows, damage = walk_all(modes, chosen.keep or Path(scratch), chosen.lanes, flips)
    document = {"figures": figures_of(modes, rows, damage), "modes": [vars(row) for row in rows], "damage": damage}
    print(json.dumps(document, indent=1) if chosen.json else table_of(rows, document["figures"]))
    return int(any(not row.good for row in rows) or bool(damage.get("silent_changes")))


if __name__ == "__main__":
    sys.exit(main())
