"""What the README tells a user to write is accepted as it stands."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unicorn_assets.cli import app
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.seeds.catalog import build_catalog

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_its_ten_line_recipe_takes_a_csv(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0], encoding="utf-8")
    lines = "\n".join(f"photo-{n}.jpg,A red boat number {n} on a calm lake" for n in range(40))
    (tmp_path / "photos.csv").write_text(f"file,caption\n{lines}\n", encoding="utf-8")
    assert build_catalog(load_recipe(tmp_path / "mine.yaml"), None).catalog.height == 40


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`unicorn (\w+)", README))))
def test_its_commands_exist(command: str) -> None:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_its_links_lead_somewhere() -> None:
    root = Path(__file__).parents[1]
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert [link for link in links if not (root / link).exists()] == []


def test_no_text_holds_both_sides_of_a_conflict() -> None:
    """A text is nobody's to parse: what a merge leaves in it, only a look finds."""
    root = Path(__file__).parents[1]
    texts = [path for folder in ("docs", "recipes", "deploy", "scripts") for path in (root / folder).rglob("*")]
    for path in [*root.glob("*"), *texts]:
        if path.suffix in {".md", ".yaml", ".yml", ".toml", ".txt", ".tf", ""} and path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            assert not [line for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))], path
