"""What an operator meets: nights that mend, views that tell the truth, kills, a bad S3 server, what the platform costs.

    python benchmarks/operations.py [--json] [--only kills] [--count 25]

Each part says what its figures mean, below operations/: night_repairs in repairs.py, wrong_green in green.py, others in
the file of their name. Kills, overhead and ui run a real instance on PostgreSQL (Debian's) below /tmp; ui needs
Debian's chromium. --count: changes to plant, or kills. A part that fails leaves its folder and names it.
"""

import argparse
import importlib
import json
import logging
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).with_suffix("")))
PARTS = {
    "night_repairs": ("repairs", 20), "wrong_green": ("green", 20), "kills": ("kills", 25), "bad_s3": ("bad_s3", 0),
    "overhead": ("overhead", 0), "ui": ("ui", 0),
}  # fmt: skip
"""By name the module whose function of this name makes the figures, and how often something happens in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--count", type=int)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):  # nothing that was started may stay behind
        signal.signal(number, lambda *_: sys.exit(130))
    figures: dict[str, Any] = {}
    for name, (module, count) in PARTS.items():
        if chosen.only in (None, name):
            began, cpu = time.perf_counter(), time.process_time()
            folder, over = Path(tempfile.mkdtemp(prefix="unicorn-operations-", dir="/tmp")), True
            part = getattr(importlib.import_module(module), name)
            try:
                figures |= part(count if chosen.count is None else chosen.count, folder)
            except Exception:
                over = False
                print(f"{name} failed; its folder is kept: {folder}", file=sys.stderr)
                raise
            finally:
                if over:
                    shutil.rmtree(folder, ignore_errors=True)
            figures[f"{name}_s"] = round(time.perf_counter() - began, 1)
            figures[f"{name}_cpu_s"] = round(time.process_time() - cpu, 1)
    if chosen.json:
        print(json.dumps({"figures": figures}, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
