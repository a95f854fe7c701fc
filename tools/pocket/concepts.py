"""The concepts that pictures and captions share, from emojibase-data, and which of them are held out of training.

Captions made from a concept live in captions.py, its pictures in pictures.py.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.errors import UserError

HELD_OUT_SHARE = 0.10
COMPONENT_GROUP = 2  # skin tones and hair pieces: parts of pictures, not pictures

# Pictures that differ only by who is shown, by direction, hour or colour belong to one family: holding out a single
# one of them would leave its twin in training and the test would measure memory.
GENDERS = r"\b(man|men|woman|women|person|people|boy|girl|adult|child|mr|mrs|mx|santa|claus|mother|prince|princess)\b"
COLOURS = r"\b(red|orange|yellow|green|blue|light blue|purple|brown|black|white|grey|pink)\b"
COLOURED_SHAPES = r"\b(circle|square|book|diamond|triangle|question mark|exclamation mark)\b"
WHOLE_SUBGROUPS = {"family", "heart", "keycap", "arrow"}


@dataclass(frozen=True)
class Concept:
    """One emoji: its code points, English label, tags, group and subgroup names, and the family it is split by."""

    hexcode: str
    label: str
    tags: tuple[str, ...]
    group: str
    subgroup: str
    family: str

    @property
    def held_out(self) -> bool:
        """Whether the whole family is kept out of training; by its name's hash, so the same for every seed."""
        digest = hashlib.sha256(self.family.encode()).digest()
        return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def family_of(label: str, subgroup: str) -> str:
    """The family's name: the label without what varies inside a family."""
    name = label.lower()
    if subgroup == "time" and ("o’clock" in name or "-thirty" in name):
        return "clock face"
    if subgroup in WHOLE_SUBGROUPS:
        return subgroup
    if name.startswith(("kiss", "couple with heart")):
        return "couple"
    name = name.replace("mermaid", "merman").replace("merperson", "merman").replace("merman", "mer")
    name = re.sub(r" facing right| running shirt|^oncoming |^small | with (flash|pen|key)$", "", name)
    if subgroup.startswith("animal"):
        name = name.removesuffix(" face")
    if re.search(COLOURED_SHAPES, name):
        name = re.sub(COLOURS, "", name)
    words = re.sub(r"[^\w\s]", " ", re.sub(GENDERS, "", name)).split()
    words = [word for word in words if word != "and"]
    return " ".join(words) or "person"


def code_key(hexcode: str) -> str:
    """Code points in the form shared by all sources: lower case, without the variation selector FE0F."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def read_concepts(modules: Path) -> list[Concept]:
    """All concepts, in Unicode's order, from the emojibase-data package in `modules` (a node_modules folder)."""
    folder = modules / "emojibase-data"
    try:
        rows = json.loads((folder / "en" / "data.json").read_text(encoding="utf-8"))
        names = json.loads((folder / "meta" / "groups.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {error.filename}", "fetch the pictures first: scripts/train-pocket") from error
    kept = [row for row in rows if row.get("group", COMPONENT_GROUP) != COMPONENT_GROUP]
    concepts = []
    for row in sorted(kept, key=lambda row: row["order"]):
        group, subgroup = names["groups"][str(row["group"])], names["subgroups"][str(row["subgroup"])]
        tags = tuple(tag for tag in row.get("tags", []) if tag.lower() != row["label"].lower())
        family = family_of(row["label"], subgroup)
        concepts.append(Concept(code_key(row["hexcode"]), row["label"], tags, group, subgroup, family))
    return concepts
