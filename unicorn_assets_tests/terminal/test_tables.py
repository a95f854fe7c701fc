"""The gap's table for people: a line a metric, intervals, and where the whole page is."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from unicorn_assets.gap import compare
from unicorn_assets.lake.artifacts import write_artifact
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.terminal.report import gather
from unicorn_assets.terminal.tables import SHOWN_METRICS, gap_page, gap_table
from unicorn_assets.transfer import fit
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

MADE = Made("tiny", "v1", {})


def shown(lake: Lake, width: int = 100) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width).print(gap_table(gather(lake)))
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


@pytest.mark.parametrize("value", [0.1234, -0.1234])
def test_a_metric_takes_one_line_of_80_columns(value: float, tmp_path: Path) -> None:
    estimate = {"value": value, "low": value - 0.8, "high": value + 0.01}
    state = dict.fromkeys(SHOWN_METRICS, estimate)
    lake = Lake(str(tmp_path))
    found = {"method": "realign", "parts": {}, "before": state, "after": state, "cross_fitted": state}
    write_artifact(lake, "modality_gap.json", json.dumps(found).encode(), MADE)
    lines = shown(lake, 80).rstrip().splitlines()
    assert len(lines) == len(SHOWN_METRICS) + 3, "a title, a head and its line"
    for metric, line in zip(SHOWN_METRICS, lines[3:], strict=True):
        assert line.startswith(f"{metric} ")
        assert line.count(f"{value:.3f} ({value - 0.8:.3f} to {value + 0.01:.3f})") == 2
        assert line.split()[-1] in ("0", "0.5", "1")
        assert len(line) <= 80


def test_a_report_of_an_older_version_is_no_report(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert gather(lake).gap is None
    old = {"method": "realign", "before": {"centroid_distance": 1.0}, "after": {"centroid_distance": 0.1}}
    write_artifact(lake, "modality_gap.json", json.dumps(old).encode(), MADE)
    assert gap_table(gather(lake)) is None
