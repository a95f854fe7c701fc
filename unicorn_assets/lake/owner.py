"""A lake belongs to one recipe by name, so that two data sets never mix."""

from unicorn_assets.errors import UserError
from unicorn_assets.lake.store import Lake

OWNER = "recipe-name"


def owner(lake: Lake) -> str | None:
    """Name of the recipe whose lake this is; None while nobody has claimed it."""
    if not lake.files.exists(OWNER):
        return None
    return lake.files.read(OWNER).decode("utf-8", "replace").strip()


def claim(lake: Lake, recipe_name: str) -> None:
    """Mark the lake as this recipe's; refuses a lake of another one."""
    name = owner(lake)
    if name is not None:
        if name != recipe_name:
            raise UserError(
                f"the lake {lake.url} holds the data of recipe {name[:100]!r}, not of {recipe_name!r}",
                f"give this recipe a home of its own: --home .unicorn-{recipe_name}; if the lake is this recipe's, its "
                f"file {OWNER} was damaged, and `unicorn verify --repair` writes it again",
            )
    else:
        lake.files.write(OWNER, f"{recipe_name}\n".encode())
