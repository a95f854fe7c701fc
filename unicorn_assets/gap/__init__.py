"""The gap between text and image vectors: every number that says how far apart the two clouds are.

distribution.py compares means and covariances (corrected.py: with intervals), mixing.py neighbourhoods, of a set of
texts before and after a move too, paired.py captions with their own images. split.py cuts rows into a statistics part
and a held-out part, intervals.py gives intervals, meaning.py says how to read each number, measure.py does all of it,
plots.py draws, report.py makes a page.
"""

from unicorn_assets.gap.intervals import Estimate
from unicorn_assets.gap.meaning import best, explain
from unicorn_assets.gap.measure import GapReport, compare, measure_gap
from unicorn_assets.gap.mixing import source_preservation
from unicorn_assets.gap.report import report_html

__all__ = ["Estimate", "GapReport", "best", "compare", "explain", "measure_gap", "report_html", "source_preservation"]
