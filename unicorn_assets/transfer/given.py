"""A fitted move of somebody else, as a recipe names its file. Not here: fitting one (fitting.py)."""

from unicorn_assets.errors import UserError
from unicorn_assets.plain_files import read_anywhere, why
from unicorn_assets.recipe import Recipe
from unicorn_assets.transfer.fitted import MOST_FILE, Transfer


def given_transfer(recipe: Recipe) -> Transfer | None:
    """The fitted move that the recipe names, if it names one."""
    if recipe.transfer.file is None:
        return None
    try:
        return Transfer.from_bytes(read_anywhere(recipe.locate(recipe.transfer.file), MOST_FILE))
    except OSError as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else why(error)
        raise UserError(
            f"{recipe.transfer.file}: {what}", "check transfer.file in the recipe; `unicorn transfer fit` makes one"
        ) from None
