"""What a concept looks like in a picture, in words: three descriptions of each, from descriptions.tsv beside this file.

Each was written for this project by a large language model, from what it knows of emoji across vendors and without a
picture in sight. Captions that are filled from templates live in captions.py.
"""

import csv
from functools import cache
from pathlib import Path

DESCRIPTIONS = Path(__file__).with_name("descriptions.tsv")

Three = tuple[str, str, str]


@cache
def descriptions() -> dict[str, Three]:
    """By code points: one that names the thing, one in other words, and one of what is seen, without a name."""
    with DESCRIPTIONS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["hexcode"]: (row["named"], row["reworded"], row["unnamed"]) for row in rows}
