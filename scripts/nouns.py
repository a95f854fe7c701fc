#!/usr/bin/env python3
"""Writes unicorn_assets/curation/nouns.txt: English nouns for things that can be seen, each with its kind.

And parts.txt: nouns with the things that they are a part of ("sleeve garment").

From Debian's wordnet-base (apt install wordnet-base). A line holds a noun, its synonyms, and words for ever more
general things ("finch oscine passerine bird ..."). A noun counts as a thing when its most frequent sense is an animal,
artifact, food, natural object, person, plant or substance. Left out are nouns that texts have more often as a verb or
an adjective, or that WordNet never met as a noun and knows as an adjective.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

WORDNET = Path("/usr/share/wordnet")
OUT = Path(__file__).parent.parent / "unicorn_assets" / "curation" / "nouns.txt"
PARTS = OUT.with_name("parts.txt")
TOO_GENERAL = frozenset(
    [
        "whole",
        "object",
        "entity",
        "artifact",
        "artefact",
        "matter",
        "organism",
        "thing",
        "unit",
        "instrumentality",
        "instrumentation",
        "substance",
        "being",
        "individual",
        "someone",
        "somebody",
        "mortal",
        "soul",
        "cause",
        "agent",
        "equipment",
        "conveyance",
        "covering",
    ]
)
PEOPLE = 18
THINGS = {5, 6, 13, 17, PEOPLE, 20, 27}  # numbers of the lexicographer's files, lexnames(5)


def synsets() -> dict[str, tuple[list[str], list[str], int]]:
    """Lemmas, hypernyms' offsets, and the lexicographer's file, by offset."""
    return {offset: (lemmas, pointers.get("@", []), file) for offset, lemmas, pointers, file in entries()}


def entries() -> Iterator[tuple[str, list[str], dict[str, list[str]], int]]:
    """Offset, lemmas, offsets by the pointer's sign (@ kind of, # part, member or substance of), and file."""
    for line in (WORDNET / "data.noun").read_text("latin-1").splitlines():
        if line.startswith("  "):
            continue
        offset, file, _, count, *rest = line.split(" | ")[0].split()
        lemmas = rest[0 : 2 * int(count, 16) : 2]
        pointers = rest[2 * int(count, 16) + 1 :]
        by_sign: dict[str, list[str]] = {}
        for at in range(0, len(pointers) - 3, 4):
            by_sign.setdefault(pointers[at][0], []).append(pointers[at + 1])
        yield offset, lemmas, by_sign, int(file)


def uses() -> tuple[Counter[str], Counter[str]]:
    """How often WordNet's texts have a word as a noun, and as something else."""
    nouns, others = Counter[str](), Counter[str]()
    for line in (WORDNET / "cntlist.rev").read_text("latin-1").splitlines():
        key, _, count = line.split()
        lemma, _, sense = key.partition("%")
        (nouns if sense[0] == "1" else others)[lemma] += int(count)
    return nouns, others


def single(word: str) -> bool:
    """Whether a lemma is one word and no name."""
    return word.isalpha() and word.islower()


def levels(hypernyms: list[str], known: dict[str, tuple[list[str], list[str], int]]) -> Iterator[list[str]]:
    """Words for ever more general things; too general ones are left out, and above the next one word each is enough."""
    seen = set[str]()
    while hypernyms:
        words = [word for offset in hypernyms for word in known[offset][0] if single(word) and word not in TOO_GENERAL]
        yield words if not seen else words[:1]
        seen |= set(hypernyms)
        hypernyms = [upper for offset in hypernyms for upper in known[offset][1] if upper not in seen]


def main() -> None:
    """Write the list."""
    known = synsets()
    as_noun, as_other = uses()
    irregular = {line.split()[0] for line in (WORDNET / "verb.exc").read_text("latin-1").splitlines()}
    adjectives = {line.split()[0] for line in (WORDNET / "index.adj").read_text("latin-1").splitlines()}
    first = {}
    for line in (WORDNET / "index.noun").read_text("latin-1").splitlines():
        if not line.startswith("  "):
            lemma, _, senses, *rest = line.split()
            first[lemma] = rest[-int(senses)]
    lines = []
    for lemma, offset in sorted(first.items()):
        lemmas, hypernyms, file = known[offset]
        is_thing = file in THINGS
        if not is_thing or not lemma.isalpha() or len(lemma) < 3 or lemma not in lemmas:
            continue  # names are written with a capital
        other = lemma in irregular or as_other[lemma] > 2 * as_noun[lemma]
        other = other or (lemma in adjectives and not as_noun[lemma])
        plain = [word for word in lemmas if single(word) and word != lemma]
        above = [word for level in levels(hypernyms, known) for word in level]
        if other:
            continue
        lines.append(" ".join(dict.fromkeys([lemma, *plain, *above, *(["person"] if file == PEOPLE else [])])))
    OUT.write_text("\n".join(lines) + "\n", encoding="ascii")
    kept = {line.split()[0] for line in lines}
    wholes = {offset: pointers.get("#", []) for offset, _, pointers, _ in entries()}
    parts = []
    for lemma in sorted(kept):
        above = [word for whole in wholes[first[lemma]] for word in known[whole][0] if word in kept and word != lemma]
        parts += [" ".join([lemma, *dict.fromkeys(above)])] if above else []
    PARTS.write_text("\n".join(parts) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
