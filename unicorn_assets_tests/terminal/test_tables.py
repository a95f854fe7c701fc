"""The gap's table for people: intervals, meanings, and where the whole page is."""

import io
import json
from pathlib import Path

import numpy as np
from rich.console import Console

from unicorn_assets.gap import compare
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.terminal.report import gather
from unicorn_assets.terminal.tables import gap_page, gap_table
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

MADE = Made("tiny", "v1", {})


def shown(lake: Lake) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=100).print(gap_table(gather(lake)))
    return buffer.getvalue()


def test_the_gap_is_shown_with_intervals_and_the_path_of_its_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    text, images = (rng.normal(size=(60, 5)) + shift for shift in (1, -1))
    move = fit("mean_shift", 1, Statistics(Space("test", "1", 5)).add(images), lambda: [text])
    report = compare(move, text, images)
    lake = Lake(str(tmp_path))
    write_artifact(lake, "modality_gap.json", json.dumps(report.to_dict()).encode(), MADE)
    words = shown(lake)
    found = report.after["centroid_distance"]
    assert f"{found.value:.3f}" in words
    assert f"{found.low:.3f} to {found.high:.3f}" in words
    assert "mean_shift" in words
    assert "neighbour_overlap" in words
    assert gap_page(gather(lake)) == f"gap report: {lake.files.url('artifacts/modality_gap.html')}"


def test_a_report_of_an_older_version_is_no_report(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert gather(lake).gap is None
    old = {"method": "realign", "before": {"centroid_distance": 1.0}, "after": {"centroid_distance": 0.1}}
    write_artifact(lake, "modality_gap.json", json.dumps(old).encode(), MADE)
    assert gap_table(gather(lake)) is None
