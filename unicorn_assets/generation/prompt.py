"""Prompts as files: turns of a chat with {placeholders}, and the version that enters the journal's key.

A prompt file is Markdown. A line `# system`, `# user` or `# assistant` starts a turn; the last turn is the user's, and
pairs of turns before it are worked examples. A part `# correction` is optional: it is added to the last turn when an
earlier answer was refused, with the reason as {problem}. The constant turns come first so that a server's prompt cache
serves them. Not here: what the prompts say (captions/prompts, instructions/prompts).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from unicorn_assets.curation.prose import grams_of
from unicorn_assets.errors import UserError
from unicorn_assets.ids import digest
from unicorn_assets.recipe import Recipe

_HEADING = re.compile(r"^# +(system|user|assistant|correction) *$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Prompt:
    """A checked prompt: its turns as (role, text), and the correction for a second draft ('' for none)."""

    name: str
    version: str
    turns: tuple[tuple[str, str], ...]
    correction: str = ""

    def render(self, values: Mapping[str, str], problem: str | None = None) -> tuple[dict[str, str], ...]:
        """The chat messages with `values` filled in; braces inside a value stay as they are."""
        turns = list(self.turns)
        if problem and self.correction:
            role, text = turns[-1]
            turns[-1] = (role, f"{text}\n\n{self.correction}")
        known = {**values, "problem": problem or ""}
        return tuple({"role": role, "content": _fill(text, known)} for role, text in turns)

    def fill(self, values: Mapping[str, str]) -> Prompt:
        """The prompt with values that are the same for all rows; its version stays (the recipe's hash covers them)."""
        return replace(self, turns=tuple((role, _fill(text, values)) for role, text in self.turns))

    @cached_property
    def grams(self) -> frozenset[tuple[str, ...]]:
        """Runs of words of the prompt's own text, by which an answer that copies the prompt is known."""
        return frozenset[tuple[str, ...]]().union(
            *(grams_of(piece) for _, text in self.turns for piece in _PLACEHOLDER.split(text))
        )


def load_prompt(folder: Path, name: str, recipe: Recipe, required: Collection[str], allowed: Collection[str]) -> Prompt:
    """The prompt `name`: a file of `folder` without its ending, or a path from the recipe's folder when it ends in .md.

    Raises UserError when the file is missing, is not UTF-8, has no turns, or its placeholders are not the stage's:
    each of `required` must be there, and `allowed` may be.
    """
    own = name.endswith(".md") or "/" in name
    file = Path(recipe.locate(name)) if own else folder / f"{name}.md"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.md")))
        raise UserError(
            f"cannot read prompt {name!r}: {getattr(error, 'strerror', None) or error}",
            f"name one of {known}, or give the path of your own .md file from the recipe's folder",
        ) from None
    return parse_prompt(name, text, required, allowed)


def parse_prompt(name: str, text: str, required: Collection[str], allowed: Collection[str]) -> Prompt:
    """A prompt from the text of its file; raises UserError as `load_prompt` does."""
    parts = _HEADING.split(text.replace("\r\n", "\n"))
    if parts[0].strip() or len(parts) < 3:
        raise UserError(f"prompt {name!r}: the file must start with a line such as '# system' or '# user'")
    turns = [(role, part.strip()) for role, part in zip(parts[1::2], parts[2::2], strict=True)]
    corrections = [part for role, part in turns if role == "correction"]
    turns = [turn for turn in turns if turn[0] != "correction"]
    if not turns or turns[-1][0] != "user":
        raise UserError(f"prompt {name!r}: the last turn must be '# user'")
    empty = [role for role, part in turns if not part]
    if empty:
        raise UserError(f"prompt {name!r}: the turn '# {empty[0]}' is empty")
    used = {key for _, part in turns for key in _PLACEHOLDER.findall(part)}
    unknown = used - set(required) - set(allowed)
    unknown |= {key for part in corrections for key in _PLACEHOLDER.findall(part)} - {"problem"}
    if unknown:
        fitting = ", ".join(f"{{{key}}}" for key in sorted({*required, *allowed}))
        raise UserError(f"prompt {name!r}: unknown placeholder {{{min(unknown)}}}", f"this stage fills in {fitting}")
    missing = set(required) - set(_PLACEHOLDER.findall(turns[-1][1]))
    if missing:
        raise UserError(f"prompt {name!r}: the last turn lacks the placeholder {{{min(missing)}}}")
    label = Path(name).stem
    version = f"{label}-{digest([turns, corrections], 4)}"
    return Prompt(label, version, tuple(turns), "\n".join(part for part in corrections if part))


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found.group(1), found.group(0)), text)
