"""Signs that a question or an answer of an able model is not borne by the caption.

Such a model paraphrases, joins several parts and reasons, so that most words of a good answer may be new. What is
looked for is what a good one does not do: name things that are not there, give a thing another colour or number than it
has, answer something else, say the question again, ask for what no picture shows. Figures: docs/gates.md. Not here: the
strict gates for small models (strict.py).
"""

from __future__ import annotations

import re

from unicorn_assets.curation.attributes import SAYING, Property, nouns, properties
from unicorn_assets.curation.prose import COLOURS, Fault
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import kinds, made_up, there, things
from unicorn_assets.curation.words import content_set, sentences, stem, word_set, words
from unicorn_assets.instructions.conflicts import conflict, uncounted
from unicorn_assets.instructions.kinds import GENERIC_STEMS, asks_colour, kind_fault

_NOT_SEEN = re.compile(
    r"\b(?:'s|his|her|its|their) (?:(?:first|last|full) )?names?\b|^what names?\b|"
    r"\b(?:is|are|was) \w+ (?:named|called)\b|^what (?:is|are|was|were) .*\b(?:named|called)\?|"
    r"\b(?:smells?|tastes?|sounds?) (?:of|like|better|best)\b|"
    r"\bwhat (?:does|do|did|would) .*\b(?:smell|taste|sound|weigh)\b|"
    r"\b(?:taste|smell|sound) (?:better|best|like|of)\b|\b(?:tune|melody|song|scent|flavou?r)\b|"
    r"\bhow (?:much|many \w+) .*\b(?:cost|pay|paid|earn|spen[dt]|weigh|worth)\b|"
    r"\b(?:what|which) year\b|\bhow (?:long|many (?:years|months|weeks)) (?:ago|has|have|had|did)\b|"
    r"\b(?:breakfast|birthday|profession|salary|nationality|zodiac|religion|celebration)\b|"
    r"\b(?:dream|dreaming|thinking|feeling|wish|wishing|hope|hoping|remember|remembering) (?:of|about|for)\b|"
    r"\bhow old (?:is|are|was|were)\b|\bwhat age\b|\bfavou?rites?\b|\bhow much money\b|"
    r"\bwho (?:owns|built|designed|invented|founded|composed|taught|bought)\b|"
    r"\bwhere (?:did|has|have|had) .*\b(?:buy|bought|learn|learnt|learned|grow up|grown up|study|studied|meet|met|born|"
    r"come from|spend|spent|travel|travell?ed)\b|"
    r"\bhow (?:did|has|have) .*\b(?:break|broken|hurt|injured?|lose|lost|earn|learn|meet|met)\b|"
    r"\bwhat (?:is|are|was|were) .*\b(?:thinking|dreaming|feeling|saying|shouting|whispering|singing|humming|"
    r"discussing|joking|planning|hoping|wishing)(?: (?:about|of|to|while|as|when|at)\b|\?)|"
    r"\bhow (?:expensive|dear|cheap|costly|rich|intelligent|clever|heavy|tasty|delicious|fresh|healthy|famous)\b|"
    r"\bhow (?:often|many times) (?:do|does|did|has|have|is|are)\b|\bhow long (?:will|does it take|did it take|ago)\b|"
    r"\bwhat (?:does|do|did) (?!.*\b(?:probably|likely|seem)).*"
    r"\b(?:think|feel|believe|want|hope|wish|dream|plan|intend|remember|say|sing|whisper)"
    r"(?: (?:about|of|to|for|when|while)\b.*)?\?|\bwhat (?:temperature|language|brand|song|music|perfume)\b|"
    r"\bwhat (?:will|would) .*\b(?:do|be|eat|buy|cook|say|become) (?:next|later|afterwards|after)\b|"
    r"\bwhere (?:does|do) .*\b(?:live|study|go to school)\b|\bwhat .* for a living\b|"
    r"\b(?:on )?(?:what|which) (?:day of the week|date)\b|\bwho (?:took|gave|sold|told|named|painted|wrote|made)\b|"
    r"\bwhat (?:happened|was) .*\b(?:before|earlier|yesterday)\b|"
    r"\b(?:one day|tomorrow|yesterday|next (?:week|month|year)|last (?:week|month|year|night)|in the future)\b",
    re.IGNORECASE,
)
_OF_UNSEEN = sign(
    r"""names?|named|called|smells?|tastes?|sounds?|weigh|tune|melody|song|scent|flavou?r|cost|pay|paid|earn|spen[dt]|
    worth|years?|long|months?|weeks?|breakfast|birthday|profession|salary|nationality|zodiac|religion|celebration|
    dream|dreaming|thinking|feeling|wish|wishing|hope|hoping|remember|remembering|day|tomorrow|yesterday|night|future|
    old|age|favou?rites?|money|owns|built|designed|invented|founded|composed|taught|bought|
    buy|learn|learnt|learned|grow|grown|study|studied|meet|met|born|come|travel|travell?ed|break|broken|hurt|injured?|
    lose|lost|expensive|dear|cheap|costly|rich|intelligent|clever|heavy|tasty|delicious|fresh|healthy|famous|popular|
    often|times|think|feel|believe|want|plan|intend|say|sing|whisper|shout|temperature|language|brand|music|perfume|
    next|later|afterwards|after|live|work|school|living|date|took|gave|sold|told|painted|wrote|made|before|earlier|
    saying|shouting|whispering|singing|humming|discussing|joking|planning"""
)
_SHOWS_PRICES = re.compile(r"[$€£¥]|\b(?:prices?|costs?|dollars?|euros?|pounds|cents?|free)\b", re.IGNORECASE)
_UNTOLD = re.compile(
    r"\b(?:last|previous) (?:week|month|year|night|summer|winter|holiday|spring|autumn)\b|"
    r"\byears? ago\b|\bever since\b|"
    r"\bfamily recipe\b|\b(?:his|her|their) late (?:husband|wife|father|mother)\b|\bhad an? (?:argument|dream|fight)\b",
    re.IGNORECASE,
)
_OF_PAST = sign("last|previous|ago|ever|recipe|late|had")
_REASONS = re.compile(
    r"\b(?:why|how|would|could|might|may|if|suppose|imagine|likely|probably|probable|infer\w*|conclu\w+|suggest\w*|hint\w*|"
    r"indicat\w+|shows? that|tells?|happen\w*|order|explain\w*|purpose|reason|unlikely|possibly|what for|differ\w*)\b",
    re.IGNORECASE,
)
LIGHT = frozenset(
    stem(word)
    for word in word_set(
        """make made bring brought keep kept take took taken put get got give gave let do done come came go went
        gone want fact way evident clear tell show know known because since therefore reason stop we us our something
        somehow whatever state amount place condition likely probable probably likelihood case now""")
) | GENERIC_STEMS  # fmt: skip


def question_fault(question: str, caption: str) -> Fault | None:
    """A question for what no picture shows, or about things that are not there."""
    found = has(question, _OF_UNSEEN) and _NOT_SEEN.search(question)
    if found and not ("much" in found.group(0) and _SHOWS_PRICES.search(caption)):
        return Fault("not_visual", f"{question!r} asks for what no picture shows ({found.group(0).strip()!r}).")
    if ordinal := uncounted(question, caption):
        return Fault("ungrounded_question", f"{question!r} asks about a {ordinal}, which is not there.")
    new = made_up(question, caption)
    if len(new) * 2 >= max(1, len(things(question))) and new:
        return Fault("ungrounded_question", f"{question!r} asks about things that are not there: {', '.join(new)}.")
    return None


def answer_fault(question: str, answer: str, caption: str, min_grounding: float) -> Fault | None:
    """What speaks against `answer`; `min_grounding` of the things that it names must have been named before."""
    fault = restated(question, answer) or untold(answer) or kind_fault(question, answer)
    fault = fault or property_fault(question, answer, caption) or unsaid_value(question, answer, caption)
    fault = fault or conflict(question, answer, caption)
    if fault:
        return fault
    new, named = made_up(answer, caption, question), len(things(answer))
    if new and (len(new) > 1 or not _REASONS.search(question) or named - len(new) < min_grounding * named):
        return Fault("ungrounded_answer", f"{answer!r} names what is not there: {', '.join(new)}.")
    fault = unknown_name(answer, caption, question)
    if fault or _SUPPOSES.search(question):
        return fault
    return _of_other_things(question, answer, caption) or _elsewhere(question, answer, caption)


_NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z][\w'’-]+")
_KNOWN_TO_ALL = word_set("christmas easter halloween thanksgiving english french italian spanish european american")


def unknown_name(text: str, *sources: str) -> Fault | None:
    """A name in the middle of a sentence that nobody gave."""
    if text.islower() or not (found := _NAME.findall(text)):
        return None
    known = " ".join(sources).lower()
    for name in found:
        plain = re.sub(r"['’]s?$", "", name).lower()
        if plain not in known and plain not in _KNOWN_TO_ALL and plain not in _ANY_VALUE:
            return Fault("ungrounded_answer", f"Nobody has given the name {name!r}.")
    return None


_VALUES = (
    word_set("january february march april may june july august september october november december"),
    word_set("monday tuesday wednesday thursday friday saturday sunday"),
    word_set("north south east west northern southern eastern western"),
)
_ANY_VALUE = frozenset().union(*_VALUES)
_OF_VALUE = sign(r".*\d.*|" + "|".join(sorted(_ANY_VALUE)))
_CLOCK = re.compile(r"\b\d{1,2}[:.]\d\d\b")


def unsaid_value(question: str, text: str, caption: str) -> Fault | None:
    """A month, weekday, direction or time of day that nobody gave, where the caption gives another one."""
    if not has(text, _OF_VALUE):
        return None
    given = set(words(text))
    if given.isdisjoint(_ANY_VALUE) and not _CLOCK.search(text):
        return None
    known = {*words(caption), *words(question)}
    known |= {word.removesuffix("ern") for word in known} | {f"{word}ern" for word in known}
    for values in _VALUES:
        new = given & values - known
        if new and known & values:
            return Fault(
                "wrong_attribute", f"It is {' or '.join(sorted(known & values))}, not {' or '.join(sorted(new))}."
            )
    times = set(_CLOCK.findall(text)) - set(_CLOCK.findall(f"{caption} {question}"))
    if times and _CLOCK.search(caption):
        return Fault("wrong_attribute", f"No clock or table says {min(times)}.")
    return None


def restated(question: str, answer: str) -> Fault | None:
    """An answer without a word that the question has not."""
    own = content_set(answer) - LIGHT
    if own - content_set(question) or not content_set(question) & content_set(answer):
        return None
    return Fault("repeats_question", f"{answer!r} only repeats the question.")


def property_fault(question: str, text: str, caption: str) -> Fault | None:
    """A colour, number or material of a thing for which the caption has another one and never this one."""
    if not has(text, SAYING):
        return None
    own = nouns(text)
    said = _said(own, caption)
    for noun, kind, value in properties(text)[0] if said else ():
        others = {other for thing, of, other in said if thing == noun and of == kind}
        if kind == "number" and (len(others) > 1 or noun not in content_set(question)):
            continue
        if others and value not in others:
            return Fault("wrong_attribute", f"{noun!r} is not {value} but {' or '.join(sorted(others))}.")
    if asks_colour(question):
        asked = content_set(question)
        given = {word for word in words(text) if word in COLOURS}
        known = {value for thing, of, value in _said(asked, caption) if of == "colour" and thing in asked}
        if known and given and not given & known:
            return Fault("wrong_attribute", f"What is asked about is {' or '.join(sorted(known))}, not {min(given)}.")
    return None


def _said(about: frozenset[str], caption: str) -> frozenset[Property]:
    """What the caption's sentences say that name one of these things (stems)."""
    return frozenset().union(
        *(properties(part)[0] for part in sentences(caption) if not about.isdisjoint(nouns(part)) and has(part, SAYING))
    )


def untold(text: str) -> Fault | None:
    """A past that no picture shows."""
    found = has(text, _OF_PAST) and _UNTOLD.search(text)
    return Fault("ungrounded_answer", f"Nothing shows {found.group(0)!r}.") if found else None


def copied(text: str, caption: str) -> bool:
    """Whether one sentence of the caption holds most of a text, so that it was taken from there."""
    own = content_set(text)
    return bool(own) and any(len(own & content_set(part)) >= 0.6 * len(own) for part in sentences(caption))


_SUPPOSES = re.compile(r"\b(?:might|could|may|would|probably|suppose|imagine|if)\b", re.IGNORECASE)
_GIVES_REASON = sign(
    "because|since|as|so|to|for|would|could|may|might|must|can|will|probably|likely|keeps?|help|helps|lets?|makes?|means|"
    "allows?|prevents?|protects?|otherwise|order|reason|due|need|needs|has|have|had|too|already|still|not|no"
)
_POINTS_BACK = word_set("it they he she one ones this that these those there both his her its their him them")
_ASKS_WHY = re.compile(r"why\b", re.IGNORECASE)


def _of_something_else(question: str, answer: str, caption: str) -> bool:
    """A sentence copied from the caption that takes up nothing of the question, gives no reason for 'why', and names no
    thing of the kind that is asked for.
    """
    asked, own = content_set(question) - GENERIC_STEMS, content_set(answer)
    if not answer.endswith(".") or len(words(answer)) < 6 or own & asked or not _POINTS_BACK.isdisjoint(words(answer)):
        return False
    if not there(answer).isdisjoint(things(question)):
        return False
    if _ASKS_WHY.match(question) and has(answer, _GIVES_REASON):
        return False
    held = [content_set(part) for part in sentences(caption) if len(own & content_set(part)) >= 0.6 * len(own)]
    topic = asked & content_set(caption)
    return bool(held) and len(topic) > 1 and all(topic.isdisjoint(part) for part in held)


_ASKS_WHICH = re.compile(r"(?:who|whom|what|which)\b", re.IGNORECASE)


def _of_other_things(question: str, answer: str, caption: str) -> Fault | None:
    """Things that are there, but not where one sentence of the caption says all that the question asks about.

    A 'what' may be named in the sentence before or behind, a 'who' not, if that sentence has a person of its own.
    """
    asked, named = content_set(question), things(answer)
    if not _ASKS_WHICH.match(question) or len(asked) < 2 or not named or has(question, _GIVES_REASON):
        return None
    parts = sentences(caption)
    held = [number for number, part in enumerate(parts) if asked <= content_set(part)]
    if len(held) != 1 or not named <= there(caption):
        return None
    (at,) = held
    its_own = question.lower().startswith("who") and any("person" in kinds(one) for one in things(parts[at]))
    near = (parts[at],) if its_own else parts[max(0, at - 1) : at + 2]
    if any(not named.isdisjoint(there(part)) for part in near):
        return None
    return Fault("misaligned", f"{answer!r} is told of something else than what {question!r} asks about.")


def _elsewhere(question: str, answer: str, caption: str) -> Fault | None:
    """An answer taken from a sentence of the caption that has nothing of the question, and takes up nothing of it."""
    if _of_something_else(question, answer, caption):
        return Fault("misaligned", f"{answer!r} tells of something else than {question!r} asks about.")
    asked = content_set(question) - GENERIC_STEMS
    if len(words(answer)) < 9 or content_set(answer) & asked or not copied(answer, caption):
        return None
    if not there(answer).isdisjoint(things(question)):
        return None
    parts = [content_set(sentence) for sentence in sentences(caption)]
    of_question, of_answer = _where(asked, parts), _where(content_set(answer), parts)
    if not of_question or any(abs(a - b) <= 1 for a in of_question for b in of_answer):
        return None
    return Fault("misaligned", f"{answer!r} tells of something else than {question!r} asks about.")


def _where(wanted: frozenset[str], parts: list[frozenset[str]]) -> list[int]:
    """The sentences that hold most of the wanted words."""
    held = [len(wanted & part) for part in parts]
    most = max(held, default=0)
    return [number for number, count in enumerate(held) if count == most] if most else []
