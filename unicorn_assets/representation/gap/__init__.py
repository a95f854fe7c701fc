"""The gap between text and image vectors: every number that says how far apart the two clouds are.

distribution.py compares means and covariances, mixing.py neighbourhoods, paired.py captions with their own images,
preservation.py a set of texts before and after a move; meaning.py says how to read each number. Plots are in plots.py.
"""

from unicorn_assets.representation.gap.meaning import explain
from unicorn_assets.representation.gap.measure import compare, measure_gap
from unicorn_assets.representation.gap.preservation import source_preservation

__all__ = ["compare", "explain", "measure_gap", "source_preservation"]
