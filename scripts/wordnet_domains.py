#!/usr/bin/env python3
"""Writes recipes/wordnet/*.labels.txt: fine-grained class labels of 18 domains, from WordNet's nouns below some roots.

From Debian's wordnet-base (apt install wordnet-base), with its licence in recipes/seeds/WORDNET-LICENSE.txt. A label is
the first name of a synset that means this before anything else, and that a picture can show: no proper names, no Latin
ones, nothing extinct, mythical or too general. The files are in the order of a hash, so that their first rows are a
varied sample. The templates beside them are written by hand.
"""

import re
from collections import defaultdict
from pathlib import Path

from nouns import WORDNET, synsets

from unicorn_assets.curation.words import word_set
from unicorn_assets.ids import seed_of

OUT = Path(__file__).parents[1] / "recipes" / "wordnet"
LABELS = 10_700  # times ten templates: the paper's 107 thousand seeds

ROOTS = {
    "birds": "bird.1", "mammals": "mammal.1", "fishes": "fish.1", "arthropods": "arthropod.1",
    "reptiles": "reptile.1 amphibian.3", "flowers": "flower.1", "trees": "tree.1", "shrubs": "shrub.1 herb.1",
    "dishes": "dish.2", "produce": "edible_fruit.1 vegetable.1 edible_nut.1 legume.3",
    "bakery": "baked_goods.1 sweet.3 dessert.1 cheese.1", "drinks": "beverage.1", "vehicles": "vehicle.1",
    "clothing": "clothing.1 footwear.2 headdress.1", "tools": "implement.1 container.1 furniture.1 tableware.1",
    "instruments": "musical_instrument.1", "buildings": (
        "building.1 bridge.1 housing.1 establishment.4 building_complex.1 memorial.3 shelter.1 stadium.1 tower.1"
    ),
    "landscapes": "geological_formation.1 body_of_water.1",
}  # fmt: skip
"""Names of synsets, and which of their senses."""
VEHICLES = "vehicle.1 wheeled_vehicle.1 vessel.2"
NOT_BELOW = "hominid.1 person.1 weapon.1 missile.1 organ.1 room.1 area.5 penal_institution.1"
"""What lies below these is no label of any domain, and what lies below vehicles of vehicles alone."""
UNSEEN = re.compile(
    r"\bextinct|fossil|prehistoric|mytholog|mythical|legend|imaginary|fictional|hypothetical|abstract|formerly|"
    r"no longer|\barchaic|ancient Rom|in the Bible|Cretaceous|Jurassic|Triassic|Devonian|Pleistocene|\b(?:18|19)\d\d\b|"
    r"\bgenus\b|\bfamily [A-Z]|taxonom|\border [A-Z]|\bclass [A-Z]|measur|\bunit of\b|slang|ethnic|"
    r"Eocene|born|informal|offensive|larva|embryo|\bfemale\b|\bmale\b|sexual|genital|brothel|prostitut|"
    r"contracepti|condom|toilet|drug|narcotic|concentration|gas chamber|slaughter|butcher|torture|execution|"
    r"system of|network of|\bset of\b|group of|collection of"
)
"""In a gloss: what nobody photographs any more, or nobody should, or what is no single thing."""
NAMED = frozenset(["vehicles", "tools", "buildings", "landscapes", "instruments"])
"""Domains in which a capital marks the name of one single thing: the Allegheny River."""
TOO_GENERAL = word_set(
    """food item thing part equipment male female adult young offspring creature beast game stock herd worker soldier
    queen drone slave mother baby pet sire dam stud yearling mount hide skin material piece pair top bottom back front
    feature side cut joint stop stub point head tail tip end base block body frame box-office can case fill bloomer
    annual perennial biennial cache pole accessory attachment support housing holding works plant organ solid fluid
    liquid implement instrument tool container structure construction device shape form whole area place land animal
    architecture"""
)
GROUPS = word_set("mammal insect bird vertebrate invertebrate reptile protomammal")
"""A gnawing mammal, a heteropterous insect: what zoologists say of many."""


def glosses() -> dict[str, str]:
    """What each synset means, by offset."""
    lines = (WORDNET / "data.noun").read_text("latin-1").splitlines()
    return {line.split(" ", 1)[0]: line.split(" | ", 1)[1] for line in lines if not line.startswith("  ")}


def senses() -> dict[str, list[str]]:
    """Offsets of each lemma's senses, the most frequent first."""
    found = {}
    for line in (WORDNET / "index.noun").read_text("latin-1").splitlines():
        if not line.startswith("  "):
            lemma, _, count, *rest = line.split()
            found[lemma] = rest[-int(count) :]
    return found


class Names:
    """Labels below synsets."""

    def __init__(self) -> None:
        self.synsets, self.glosses, self.senses = synsets(), glosses(), senses()
        self.below: dict[str, list[str]] = defaultdict(list)
        for offset, (_, hypernyms, _) in self.synsets.items():
            for upper in hypernyms:
                self.below[upper].append(offset)

    def root(self, name: str) -> str:
        """The offset that 'bird.1' means."""
        lemma, _, sense = name.partition(".")
        return self.senses[lemma][int(sense) - 1]

    def under(self, roots: str) -> list[str]:
        """Offsets of all that is a kind of one of these."""
        wanted = [self.root(name) for name in roots.split()]
        others = "" if roots in VEHICLES else VEHICLES
        stop = {self.root(name) for name in [*NOT_BELOW.split(), *others.split()]}
        seen, todo = set[str](), list(wanted)
        while todo:
            offset = todo.pop()
            if offset not in seen and offset not in stop:
                seen.add(offset)
                todo += self.below[offset]
        return sorted(seen - set(wanted))

    def labels(self, offset: str, most: int, named: bool) -> list[str]:
        """Names of a synset that mean it before anything else and that a reader knows."""
        lemmas, hypernyms, _ = self.synsets[offset]
        if UNSEEN.search(self.glosses[offset]) or not hypernyms:
            return []
        good = [lemma for lemma in lemmas if self._is_label(lemma, offset) and (lemma.islower() or not named)]
        return [lemma.replace("_", " ").replace("Euopean", "European") for lemma in good[:most]]

    def _is_label(self, lemma: str, offset: str) -> bool:
        words = lemma.split("_")
        return (
            self.senses[lemma.lower()][0] == offset
            and all(re.fullmatch(r"[A-Za-z][a-z]+(?:['-][A-Za-z]?[a-z]+)*", word) for word in words)
            and (len(words) > 1 or lemma.islower())
            and len(words) <= 3
            and "of" not in words
            and len(lemma) > 2
            and not (words[0][0].isupper() and f"genus_{words[0].lower()}" in self.senses)
            and lemma not in TOO_GENERAL
            and words[-1] not in GROUPS
            and not (words[-1].endswith("s") and not words[-1].endswith(("ss", "us", "is", "as", "os")))
        )


def main() -> None:
    """Write the files: the first name of each synset, then further names, until there are LABELS."""
    names, taken = Names(), set[str]()
    found: dict[str, list[str]] = {domain: [] for domain in ROOTS}
    for most in (1, 2, 3):
        for domain, roots in ROOTS.items():
            for offset in names.under(roots):
                for label in names.labels(offset, most, domain in NAMED):
                    spelled = re.sub("[^a-z]", "", label.lower())  # monkey-wrench, monkey wrench
                    if spelled not in taken and len(taken) < LABELS:
                        taken.add(spelled)
                        found[domain].append(label)
        print(most, len(taken))
    for domain, labels in found.items():
        text = "\n".join(sorted(labels, key=lambda label: seed_of("wordnet", label)))
        (OUT / f"{domain}.labels.txt").write_text(text + "\n", "utf-8")
        print(f"{domain:<12} {len(labels):>6,}")


if __name__ == "__main__":
    main()
