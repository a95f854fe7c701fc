"""The data set that is made on a real instance: a recipe, its sources, and a home for it."""

from pathlib import Path

from unicorn_assets.home import Home
from unicorn_assets_tests.finished import REST, stand_in
from unicorn_assets_tests.plan.server import write_recipe


def prepared(folder: Path, url: str, rows: int) -> Home:
    """Recipe and sources in `folder`/data, for an LLM at `url`; nothing is made yet."""
    data = folder / "data"
    data.mkdir()
    write_recipe(data, url, rows)
    stand_in().write_images(data / "images.npy")
    with (data / "recipe.yaml").open("a", encoding="utf-8") as file:
        file.write(REST)
    return Home(folder / "home", str(folder / "home" / "lake"), data / "recipe.yaml")


def append_rows(home: Home, rows: int) -> None:
    """More lines in the first source."""
    path = home.recipe.with_name("lines.txt")
    start = len(path.read_text().splitlines())
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"late {start + number} near a canal\n" for number in range(rows)))
