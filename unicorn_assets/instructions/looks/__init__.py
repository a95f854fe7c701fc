"""Further looks at pairs by the LLM itself, for recipes that want them: answerable without the caption, and marks."""

from unicorn_assets.generation.looking import Look
from unicorn_assets.instructions.looks.blind import blind_look
from unicorn_assets.instructions.looks.judge import judge_look
from unicorn_assets.recipe import Recipe


def looks_of(recipe: Recipe, task: str) -> list[Look]:
    """The looks that the recipe wants for a task, in their order; raises UserError for a prompt that does not fit."""
    return [look for look in (blind_look(recipe, task), judge_look(recipe, task)) if look is not None]
