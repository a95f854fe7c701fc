"""What `unicorn doctor` says about vLLM: missing only where the recipe wants a server of its own."""

import sys
from pathlib import Path

import pytest

from unicorn_assets.home import find_home
from unicorn_assets.terminal.doctor import Finding, examine

RECIPES = Path(__file__).parents[2] / "recipes"
RECIPE = "name: mine\nsources: [{name: a, path: a.txt}]\nllm: {endpoint: vllm, model: m}\n"


def finding(tmp_path: Path, recipe: str) -> Finding:
    (tmp_path / "vllm.yaml").write_text(RECIPE)
    (tmp_path / "a.txt").write_text("a seed\n")
    home = find_home(str(tmp_path), recipe=recipe)
    return next(finding for finding in examine(home) if finding.what == "vLLM")


@pytest.fixture
def no_vllm(monkeypatch, tmp_path):
    monkeypatch.delenv("UNICORN_VLLM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_it_is_missing_where_the_recipe_wants_it(no_vllm, tmp_path):
    found = finding(tmp_path, str(tmp_path / "vllm.yaml"))
    assert found.state == "missing"
    assert "unicorn-assets[vllm]" in found.detail


def test_elsewhere_it_is_a_note(no_vllm, tmp_path):
    assert finding(tmp_path, str(RECIPES / "demo.yaml")).state == "note"


def test_it_is_found_where_the_variable_says(monkeypatch, tmp_path):
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("UNICORN_VLLM", str(program))
    found = finding(tmp_path, str(tmp_path / "vllm.yaml"))
    assert (found.state, str(program) in found.detail) == ("ok", True)
