"""English captions of a concept, short, sentence-like and descriptive, for training and for the evaluation pairs.

What a concept looks like is in descriptions.py; the rest is filled from templates here. Each concept gets its own draw
of templates, tags and order, seeded by its code points: the same on every machine.
"""

import random
import re

from tools.pocket.concepts import Concept
from tools.pocket.descriptions import descriptions

# Words of the group or subgroup that read well in a sentence; a missing subgroup falls back to its group.
KINDS = {
    "smileys-emotion": "facial expression or feeling",
    "people-body": "person or gesture",
    "animals-nature": "animal or plant",
    "food-drink": "food or drink",
    "travel-places": "place, vehicle or kind of weather",
    "activities": "game, sport or festivity",
    "objects": "everyday object",
    "symbols": "sign or symbol",
    "flags": "flag",
    "face-smiling": "smiling face",
    "cat-face": "cat face",
    "animal-mammal": "mammal",
    "animal-bird": "bird",
    "animal-reptile": "reptile",
    "animal-marine": "sea animal",
    "animal-bug": "insect or other small creature",
    "plant-flower": "flower",
    "plant-other": "plant",
    "food-fruit": "fruit",
    "food-vegetable": "vegetable",
    "food-prepared": "dish",
    "food-asian": "Asian dish",
    "food-sweet": "sweet",
    "drink": "drink",
    "place-building": "building",
    "place-geographic": "landscape",
    "transport-ground": "land vehicle or something of the road",
    "transport-water": "boat or ship",
    "transport-air": "aircraft or something of the sky",
    "sky-weather": "thing seen in the sky",
    "sport": "thing used in sport",
    "clothing": "piece of clothing",
    "musical-instrument": "musical instrument",
    "tool": "tool",
    "household": "thing found in a household",
    "person-role": "person at work",
    "person-sport": "person doing sport",
    "country-flag": "national flag",
    "arrow": "arrow sign",
    "zodiac": "sign of the zodiac",
}

SHORT = (
    "{a_phrase}",
    "{phrase}",
    "An emoji of {a_phrase}.",
    "An icon of {a_phrase}.",
    "A picture of {a_phrase}.",
    "A drawing of {a_phrase} on a plain background.",
    "A small colourful image showing {a_phrase}.",
    "There is {a_phrase} in the image.",
)
TAGGED = (
    "{phrase}: {tags}",
    "{tags}",
    "{phrase}, {tags}",
    "A picture of {a_phrase}, with {tags} in mind.",
    "An icon about {tags}.",
)
SENTENCES = (
    "The image shows {a_phrase}, a {kind}, drawn in bright flat colours.",
    "A simple illustration of {a_phrase}; it brings {tags} to mind.",
    "This small picture of {a_phrase} stands for {tags}.",
    "In the centre of the image is {a_phrase}. Nothing else is around it.",
    "Against a plain background one sees {a_phrase}, which people connect with {tags}.",
    "A {kind}: {a_phrase}, shown from close up with clear outlines.",
    "The illustration depicts {a_phrase}. It is a {kind} and relates to {tags}. The background is empty.",
    "{A_phrase} fills the frame. The style is that of a rounded cartoon icon, and the subject is a {kind}.",
    "Someone would use this picture to talk about {tags}. It shows {a_phrase} without any text or scenery.",
    # Scenes, so that the sentences of a photo caption, too, land near the thing they are about.
    "A photo of {a_phrase} in soft daylight, seen at eye level, with a blurred wall behind.",
    "In the foreground of the photograph there is {a_phrase}. Light falls from the left and casts a faint shadow.",
    "A close photograph shows {a_phrase} in detail; the surroundings, in muted tones, suggest {tags}.",
    "Outdoors on a cloudy day, {a_phrase} takes up most of the view, while a few people stand far away.",
)
EVALUATION_CAPTION = "An emoji of {a_phrase}."
EVALUATION_SENTENCE = "The picture presents {a_phrase}, a {kind} that one links with {tags}, in a clean cartoon style."


def phrase(label: str) -> str:
    """The label as it reads inside a sentence: "flag: Fiji" becomes "flag of Fiji"."""
    if label.startswith("flag: "):
        return "flag of " + label.removeprefix("flag: ")
    if label.startswith("family: "):
        return "family with " + label.removeprefix("family: ")
    if re.match(r"(man|woman|person): ", label):
        return label.replace(": ", " with ") + ("" if label.endswith(("hair", "beard")) else " head")
    return label.replace(": ", " ")


def with_article(words: str) -> str:
    """The phrase with the article it takes as the subject of a picture."""
    last = words.split()[-1].lower()
    if words.startswith("flag of"):
        return "the " + words
    if (
        (last.endswith("s") and not last.endswith(("ss", "us", "is")))
        or words[0].isdigit()
        or words.split()[0].isupper()
    ):
        return words
    return ("an " if words[0].lower() in "aeio" else "a ") + words


def fill(template: str, concept: Concept, rng: random.Random) -> str:
    """One caption; tags are drawn anew for each."""
    words = phrase(concept.label)
    some = rng.sample(concept.tags, min(len(concept.tags), rng.randint(2, 5))) or [words]
    tags = " and ".join([", ".join(some[:-1]), some[-1]]) if len(some) > 1 else some[0]
    kind = KINDS.get(concept.subgroup, KINDS[concept.group])
    named = with_article(words)
    return template.format(phrase=words, a_phrase=named, A_phrase=named[0].upper() + named[1:], kind=kind, tags=tags)


def training_captions(concept: Concept, count: int) -> list[str]:
    """`count` captions: in turn a short one, one with tags and a sentence; long lists repeat templates, not tags."""
    rng = random.Random(concept.hexcode)
    decks = [rng.sample(kind, len(kind)) for kind in (SHORT, SENTENCES, TAGGED)]
    return [fill(decks[i % 3][i // 3 % len(decks[i % 3])], concept, rng) for i in range(count)]


def described(concept: Concept) -> tuple[str, str, str, str]:
    """Its three descriptions and, as a dense caption, all of them in a row.

    A concept that descriptions.tsv does not know gets three sentences from templates instead.
    """
    rng = random.Random(concept.hexcode + " described")
    three = descriptions().get(concept.hexcode) or [fill(template, concept, rng) for template in SENTENCES[:3]]
    named, reworded, unnamed = three
    return named, reworded, unnamed, " ".join(three)


def evaluation_captions(concept: Concept) -> dict[str, str]:
    """The texts of the evaluation pairs by kind: a short caption, a sentence, a dense description.

    The sentence's template is never trained on; a description is, unless its concept is held out.
    """
    rng = random.Random(concept.hexcode + " evaluation")
    return {
        "caption": fill(EVALUATION_CAPTION, concept, rng),
        "sentence": fill(EVALUATION_SENTENCE, concept, rng),
        "description": described(concept)[-1],
    }
