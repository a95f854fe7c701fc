"""The code location of benchmarks/operations.py: the real one, with a stand-in for the encoder in each process.

It loads nothing else of the tests, whose libraries would count as the platform's cost.
"""

import sys
from pathlib import Path

from unicorn_assets import definitions as real

sys.path.append(str(Path(__file__).parents[1] / "hostile"))
from plain_encoder import install

install()
defs = real.build_defs()
