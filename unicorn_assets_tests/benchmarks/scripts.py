"""Scripts of benchmarks/ as modules of a test. Not here: what they measure."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def paper_scale(patch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/paper_scale.py; its parts, which lie beside it, are then in sys.modules by their own short names."""
    patch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    for name in ("paper_scale", "writer", "encoder", "steps", "watching"):
        patch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("paper_scale")
