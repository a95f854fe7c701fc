"""Fixtures that several tests of stage 3 share."""

from pathlib import Path

import numpy as np
import pytest

from unicorn_assets.transfer import METHODS
from unicorn_assets_tests.transfer.strange_vectors import WRITERS, rows, unicorn


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for ending, write in WRITERS.items():
        Path(f"text.{ending}").write_bytes(write(rows(1)))
    np.save("images.npy", rows(2))
    for method in METHODS:
        arguments = (
            "--text",
            "text.npy",
            "--images",
            "images.npy",
            "--method",
            method,
            "--out",
            f"{method}.safetensors",
        )
        result = unicorn("fit", *arguments)
        assert result.exit_code == 0, result.output
    return tmp_path
