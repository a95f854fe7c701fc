"""Seeds from class labels: each label in some of its domain's templates, drawn by label and template alone.

A new template or label leaves the draws of the others nearly untouched, wherever and whenever they are made.
"""

import re
from collections.abc import Iterable, Iterator

from unicorn_assets.errors import UserError
from unicorn_assets.ids import seed_of
from unicorn_assets.recipe import Source
from unicorn_assets.seeds.lines import Line
from unicorn_assets.seeds.normalise import damage, normalise
from unicorn_assets.seeds.rows import Fault, Row

_ARTICLE = re.compile(r"\b([Aa])n?(\s+)\{label\}")
_SPELLED = re.compile(r"[BCDFGHJKLMNPQRSTVWXYZ]+(?![A-Za-z])|[A-Z](?![A-Za-z])")
_CONSONANT_SOUND = re.compile(r"(uni(?!n[^aeiou]|m)|us[aeu]|uk|ut[aei]|eu|ewe|ewer|once|one\b|ouija)", re.IGNORECASE)
_VOWEL_SOUND = re.compile(r"(hour|honest|honou?r|heir|8|1[18](?!\d))", re.IGNORECASE)


def read_templates(lines: Iterable[Line], shown: str) -> list[str]:
    """All templates of a file, one a line; empty lines are left out, a line without {label} is a UserError."""
    templates = []
    for line in lines:
        text = normalise(line.text)
        if text and ("{label}" not in text or line.incomplete or damage(line.text)):
            raise UserError(f"{shown}:{line.number}: not a template: {text[:80]!r}", "each line needs {label} once")
        templates.append(text)
    found = list(dict.fromkeys(filter(None, templates)))
    if not found:
        raise UserError(
            f"{shown}: there is no template in this file", "write one a line, such as: a photo of a {label}"
        )
    return found


def read_labels(source: Source, lines: Iterable[Line], templates: list[str]) -> Iterator[Row | Fault]:
    """`templates_per_label` texts for each label; row numbers are the lines of the label file."""
    seen: dict[str, int] = {}
    for line in lines:
        label = normalise(line.text)
        if line.incomplete:
            yield line.fault()
        elif not label:
            yield Fault(line.number, "blank", "empty line", line.text)
        elif lost := damage(line.text):
            yield Fault(line.number, "undecodable", lost, line.text)
        elif label in seen:
            yield Fault(line.number, "duplicate_label", f"same label as line {seen[label]}", line.text)
        else:
            seen[label] = line.number
            for template in draw(label, templates, source.templates_per_label):
                yield Row(line.number, fill(template, label), None, label)


def draw(label: str, templates: list[str], count: int) -> list[str]:
    """`count` different templates for a label (all, if there are fewer), in drawn order."""
    return sorted(templates, key=lambda template: (seed_of("template", label, template), template))[:count]


def fill(template: str, label: str) -> str:
    """`template` with `label` in it; the article before {label} follows the label's first sound."""

    def agreed(match: re.Match[str]) -> str:
        return f"{match[1]}{'n' if _takes_an(label) else ''}{match[2]}{label}"

    return _ARTICLE.sub(agreed, template).replace("{label}", label)


def _takes_an(label: str) -> bool:
    """Whether 'an' stands before `label`: by its first letter, with the common exceptions and spelled-out letters."""
    if spelled := _SPELLED.match(label):
        return spelled.group()[0] in "AEFHILMNORSX"
    if _VOWEL_SOUND.match(label):
        return True
    return label[:1].lower() in tuple("aeiou") and not _CONSONANT_SOUND.match(label)
