"""From plain values to a recipe, and saying in one line what is wrong with it and where.

Here: file, line and key of an error, nearest valid key, what must be there. Not here: reading YAML (recipe_yaml.py), or
what the keys mean (recipe.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe
from unicorn_assets.recipe_yaml import Document, Keys, read_document, wrong
from unicorn_assets.redaction import holds_secret_name, learn, remember, remember_variable

MAX_TOLD = 6
"""Errors of a recipe that are told at a time."""


def load_recipe(path: str | Path, *, files_exist: bool = True, text: str | None = None) -> Recipe:
    """The recipe in `path`, checked; a UserError names file, line and key. Files it refers to must exist, if asked.
    `text`: what it says, instead of a file; `path` then is its name in errors, and where its relative paths start.
    """
    document = read_document(Path(path), text)
    try:
        recipe = Recipe.model_validate(document.values)
    except ValidationError as error:
        raise UserError(_explain(document, error)) from None
    _check_numbers(document, (), document.values, recipe.model_dump())
    _know_secrets(document.values, recipe)
    recipe._folder = Path(path).parent.resolve()
    if files_exist:
        _check_files(document, recipe)
    return recipe


def _explain(document: Document, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    lines = []
    for problem in problems[:MAX_TOLD]:
        keys = problem["loc"]
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = sorted(_keys_at(keys[:-1]))
            near = difflib.get_close_matches(str(keys[-1]), known, 1)
            message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}")
        elif problem["type"] == "missing":
            message = "this key is required"
        lines.append(f"{document.line(keys)}: {message}")
    if len(problems) > MAX_TOLD:
        lines.append(f"and {len(problems) - MAX_TOLD} more")
    return "\n".join(lines)


def _keys_at(keys: Sequence[str | int]) -> list[str]:
    """Valid keys of the section at `keys`."""
    model: type[BaseModel] = Recipe
    for key in keys:
        if isinstance(key, int):
            continue
        field = model.model_fields.get(key)
        if field is None:
            return []
        found = [c for c in (field.annotation, *get_args(field.annotation)) if _is_model(c)]
        if not found:
            return []
        model = found[0]
    return list(model.model_fields)


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def _check_numbers(document: Document, keys: Keys, given: Any, used: Any) -> None:
    """`true` where a number or a text is wanted would pass as 1, and the text 1e400 as infinity."""
    if isinstance(given, dict) and isinstance(used, dict):
        for key, value in given.items():
            _check_numbers(document, (*keys, key), value, used.get(key))
    elif isinstance(given, list) and isinstance(used, list | tuple):
        for index, (value, taken) in enumerate(zip(given, used, strict=False)):
            _check_numbers(document, (*keys, index), value, taken)
    elif isinstance(given, bool) and not isinstance(used, bool):
        raise document.at(keys, f"{str(given).lower()} is no {'number' if isinstance(used, int | float) else 'text'}")
    elif words := wrong(used):
        raise document.at(keys, words)


def _know_secrets(values: Any, recipe: Recipe) -> None:
    """What the recipe says of keys is never told again: the variable with the key, passwords and signatures in URLs."""
    remember_variable(recipe.llm.api_key_env)
    for name, value in recipe.llm.vllm.environment.items():
        if holds_secret_name(name):
            remember(value)
    waiting = [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and ("://" in value or "--" in value):
            learn(value)
        elif isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


def _check_files(document: Document, recipe: Recipe) -> None:
    """Every local file that the recipe names must be there before anything runs."""
    named: list[tuple[Keys, str | None]] = [
        (("image_reference", "path"), recipe.image_reference.path), (("transfer", "file"), recipe.transfer.file),
    ]  # fmt: skip
    for index, source in enumerate(recipe.sources):
        named += [(("sources", index, key), getattr(source, key)) for key in ("path", "labels", "templates")]
    for keys, path in named:
        if path is None or "://" in path or any(mark in path for mark in "*?["):
            continue
        try:
            Path(recipe.locate(path)).stat()
        except FileNotFoundError:
            hint = f"paths are relative to the recipe's folder, {document.file.parent}"
            raise document.at(keys, f"there is no file {_short(path)}", hint) from None
        except (OSError, ValueError, RuntimeError) as error:
            words = getattr(error, "strerror", None) or str(error)
            raise document.at(keys, f"cannot look at {_short(path)}: {words}") from None


def _short(path: str) -> str:
    return path if len(path) <= 200 else f"{path[:100]}...{path[-60:]}"
