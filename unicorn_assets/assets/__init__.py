"""The asset graph, one file per stage: read a shard, call domain code, write the shard, report metadata.

Here: wiring and metadata. Not here: what is computed (the domain rooms), checks, jobs.
"""

import warnings

import dagster as dg

# Backfill policies and partitioned metadata are marked beta in Dagster 1.13; pyproject.toml keeps to that version.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
