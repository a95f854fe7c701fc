"""Reading a recipe from YAML, and saying in one line what is wrong with it and where.

Here: file, line and key of an error, nearest valid key. Not here: what the keys mean (recipe.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.recipe import Recipe


def load_recipe(path: str | Path, *, files_exist: bool = True) -> Recipe:
    """The recipe in `path`, checked; a UserError names file, line and key. Files it refers to must exist, if asked."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            f"there is no recipe {path}", "give the path of a YAML file, such as recipes/demo.yaml"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read recipe {path}: {error}", "a recipe is a UTF-8 text file in YAML") from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-02-30
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys such as name, sources, llm", "see recipes/demo.yaml")
    _check_keys_once(file, tree)
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise UserError(_explain(file, tree, error)) from None
    recipe._folder = file.parent.resolve()
    if files_exist:
        _check_files(file, tree, recipe)
    return recipe


def _explain(file: Path, tree: Any, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        keys = problem["loc"]
        where = ".".join(str(key) for key in keys)
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = sorted(_keys_at(keys[:-1]))
            near = difflib.get_close_matches(str(keys[-1]), known, 1)
            message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}")
        elif problem["type"] == "missing":
            message = "this key is required"
        lines.append(f"{file}:{_line(tree, keys)}: {where + ': ' if where else ''}{message}")
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


def _line(tree: Any, keys: Sequence[str | int]) -> int:
    """1-based line of the value at `keys`, or of the nearest section around it."""
    node, line = tree, tree.start_mark.line
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(key)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            pairs = [(node.value[key], node.value[key])]
        else:
            pairs = []
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line, pairs[0][1]
    return int(line) + 1


def _check_keys_once(file: Path, tree: Any) -> None:
    """YAML keeps the last of two equal keys without a word; here it is an error."""
    waiting, done = [tree], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in done:  # an alias
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if (name := str(key.value)) in first:
                    raise UserError(f"{file}:{line}: key {name!r} is given twice, first in line {first[name]}")
                first[name] = line
                waiting.append(value)


def _check_files(file: Path, tree: Any, recipe: Recipe) -> None:
    """Every local file that the recipe names must be there before anything runs."""
    named: list[tuple[tuple[str | int, ...], str | None]] = [(("image_reference", "path"), recipe.image_reference.path)]
    for index, source in enumerate(recipe.sources):
        named += [(("sources", index, key), getattr(source, key)) for key in ("path", "labels", "templates")]
    for keys, path in named:
        if path is None or "://" in path or any(mark in path for mark in "*?["):
            continue
        if not Path(recipe.locate(path)).exists():
            where = ".".join(str(key) for key in keys)
            raise UserError(
                f"{file}:{_line(tree, keys)}: {where}: there is no file {path}",
                f"paths are relative to the recipe's folder, {file.parent}",
            )
