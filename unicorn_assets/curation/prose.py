"""Gates that any generated prose must pass, whichever stage asked for it.

Each gate returns what is wrong as a `Fault`, or None. They are lists of plain signs, strict by intent: refusing a good
sentence costs a few tokens, letting a bad one through costs trust. Not here: gates of one stage.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from unicorn_assets.curation.words import FUNCTION_WORDS, content, ngrams, stem, word_set, words


class Fault(NamedTuple):
    """What is wrong with a text: a reason code and a sentence for people and for a corrective draft."""

    reason: str
    detail: str


_REFUSAL = re.compile(
    r"\b(?:i'?m sorry|i am sorry|i apologi[sz]e|as an ai|as a language model|i (?:can(?:no|')t|am unable|am not able)|"
    r"i do(?:n'?t| not) have (?:access|enough)|happy to help|how can i help|cannot (?:assist|provide|help))",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\bI(?:'(?:m|ve|d|ll))?\b|\b(?:[Ww]e|[Mm]y|[Mm]e|[Oo]ur|[Uu]s|[Mm]yself|[Oo]urselves)\b")
_SECOND = re.compile(r"\b(?:you(?:'(?:re|ve|d|ll))?|yours?|yourself)\b", re.IGNORECASE)
_MARKUP = re.compile(r"\*\*|^ *(?:[-*•#>]|\d+[.)]) |```|https?://|<[a-z/|]|[{}\\|]|\[[^\]]*\]\(", re.MULTILINE)
_EMPHASIS = re.compile(
    r"\[[^\[\]\n]{0,30}\]|[][*`^]|(?<!\w)_\w+|~~|==|(?<!\w)[#@][^\W\d]"  # '#7' on a shirt is plain, '#red' is a tag
    r"|(?<!\w)([~=+$]{1,3})[^\W\d].{0,80}?\1(?!\w)"  # one mark on either side of words
)
_CHAT_MARK = re.compile(
    r"""<[^\s\d=]|\|>|<<|>>|\#\#|\[/?(?:INST|SYS|SYSTEM_PROMPT|IMG|IMAGE|THINK|TOOL_CALLS|AVAILABLE_TOOLS)\]
    |\b(?:USER|ASSISTANT|SYSTEM|HUMAN|GPT|BOT|INSTRUCTION|RESPONSE)\s?:  # as Vicuna, LLaVA and Alpaca write turns
    |\b(?:User|Assistant|Human)\s?:
    |(?:^|[.!?"'”’)\]]\s|\n)\s?(?i:user|assistant|human|system|gpt|bot|ai|model|instruction|response)\s?:
    |&(?:\#\d+|\#[xX][0-9a-fA-F]+|[A-Za-z]\w{1,31});  # an entity that nobody decodes""",
    re.VERBOSE,
)
_LETTERS = re.compile(r"[A-Za-z]")
_FOREIGN = re.compile(r"[^\x09\x0a\x20-\x7e\u00a0-\u024f\u2010-\u201f\u2026\u2032\u2033°×½¼¾]")
_META = re.compile(
    r"\b(?:captions?|prompts?|passages?|paragraphs?|text (?:says|states|describes|mentions)|(?:the|this|given) text|"
    r"(?:the|this|given) description|(?:as |is )?(?:mentioned|described|stated|according to))\b|"
    r"\b(?:the|this) (?:image|picture|photo|photograph|scene|illustration)s? "
    r"(?:is of|shows?|showing|depicts?|captures?|features?|contains?|portrays?|presents?|describes?|illustrates?)\b|"
    r"\b(?:photo|picture|image|photograph) (?:is|was) taken\b|\bphotographers? captur|"
    r"\b(?:in|of) (?:the|this) (?:image|picture|photo|photograph)\b",
    re.IGNORECASE,
)
_NON_VISUAL = re.compile(
    r"""\b(?:beautiful\w*|stunning\w*|majestic\w*|gorgeous|delicious\w*|tasty|savory|flavou?r\w*|aroma\w*|scents?|smell\w*|
    fragran\w*|magnificent|breathtaking|mesmeri[sz]ing|captivating|picturesque|iconic|classic|unique|perfect\w*|amazing|
    wonderful|lovely|elegan\w*|symbol\w*|testament|reminder|represent\w*|evok\w+|convey\w*|atmosphere|ambian?ce|mood|
    sense|feel|feels|feeling\w*|emotion\w*|joy\w*|happ(?:y|ily|iness)|sad\w*|serene|seren\w+|tranquil\w*|peaceful\w*|
    cozy|cosy|nostalgi\w*|inviting|charm\w*|romantic|myster\w*|popular\w*|famous\w*|known|traditional\w*|tradition|
    cultur\w*|histor\w*|heritage|usually|often|typically|always|sometimes|generally|common\w*|never|originat\w*|
    because|ideal|important|essential|enjoy\w*|lov(?:e|es|ed|ing)|hope\w*|dream\w*|remember\w*|thinks?|thinking|
    believ\w*|wants?|decid\w*|says?|said|asks?|asked|tells?|told|called|named|example|masterpiece|journey|story|stories|
    imagin\w+|adventure\w*|favou?rite|likely|probably|perhaps|maybe|might|would|could|should|must|if|ever|
    high-quality|high-end|durable|withstand\w*|environment|range|wind|qualit\w+|
    not|rather|illusion\w*|real|found|native|species|types?\ of|kinds?\ of|options?|consist\w*|variet\w+|reali[sz]e\w*|
    (?:is|was|are)\ a\ scene|shot|
    scientif\w*|century|ancient|allow\w*|used\ to|
    sight|attention|experience\w*|skills?|skilled|passion\w*|dedicat\w*|spirit\w*|soul\w*|life|world)\b""",
    re.IGNORECASE | re.VERBOSE,
)


def markup(text: str) -> Fault | None:
    """Lists, headings, code, links or braces instead of plain prose."""
    found = _MARKUP.search(text)
    return Fault("not_plain_text", f"Write plain sentences, without {found.group(0).strip()!r}.") if found else None


def emphasis(text: str) -> Fault | None:
    """`*stress*`, `_stress_`, `~~struck~~`, `code`, `$formulas$`, `#tags`, `[placeholders]`: marks that no plain
    sentence has. Quotation marks are none.
    """
    found = _EMPHASIS.search(text)
    return Fault("not_plain_text", f"Write plain sentences, without {found.group(0)!r}.") if found else None


def chat_mark(text: str) -> Fault | None:
    """Words and marks by which trainers and chat templates tell whose turn it is, and other markup: they would break
    the masking of a record. 'A user: manual lies open' is none: it needs a capital, or the start of a sentence.
    """
    found = _CHAT_MARK.search(text)
    return Fault("chat_mark", f"Write what is there, without {found.group(0).strip()!r}.") if found else None


def garbled(text: str) -> Fault | None:
    """Characters outside Latin script and common punctuation, nothing but punctuation, or hardly any letters."""
    found = _FOREIGN.search(text)
    if found:
        return Fault("garbled", f"Write English only; {found.group(0)!r} does not belong there.")
    bare = "".join(text.split())
    if not words(bare) or (len(bare) >= 20 and len(_LETTERS.findall(bare)) < 0.8 * len(bare)):
        return Fault("garbled", "Less than 80 % of the characters are letters.")
    odd = [word for word in words(text) if len(word) > 24 or re.search(r"(.)\1\1|\d[a-z]{3,}\d", word)]
    return Fault("garbled", f"{odd[0]!r} is not a word.") if odd else None


def refusal(text: str) -> Fault | None:
    """The model talks about itself or declines."""
    found = _REFUSAL.search(text)
    return Fault("refusal", f"Do the task; do not say {found.group(0)!r}.") if found else None


def person(text: str) -> Fault | None:
    """First or second person."""
    found = _FIRST.search(text) or _SECOND.search(text)
    return Fault("person", f"Do not write {found.group(0)!r}: nobody speaks or is addressed.") if found else None


def meta(text: str) -> Fault | None:
    """Talk about the caption or the picture instead of what is in it. 'A photo of a dog' is allowed, 'the photo
    shows' and 'in this image' are not: the reader of the record sees the picture, not a text about one."""
    found = _META.search(text)
    return Fault("meta_mention", f"Do not write {found.group(0)!r}; speak of the things themselves.") if found else None


def non_visual(text: str) -> Fault | None:
    """Judgement, feeling, taste, general knowledge, guesses: nothing that a picture can show."""
    found = _NON_VISUAL.search(text)
    return Fault("non_visual", f"Only what can be seen; {found.group(0)!r} cannot.") if found else None


def stutter(text: str) -> Fault | None:
    """Within one sentence: a content word three times, a word twice in a row, or a pair of content words again."""
    plain = words(text)
    double = [a for a, b in pairwise(plain) if a == b]
    stems = content(text)
    thrice = [word for word, count in Counter(stems).items() if count >= 3]
    pairs = [pair for pair, count in Counter(ngrams(stems, 2)).items() if count >= 2]
    of_itself = [a for a, of, b in zip(plain, plain[1:], plain[2:], strict=False) if of == "of" and stem(a) == stem(b)]
    again = double or of_itself or thrice or [" ".join(pair) for pair in pairs]
    return Fault("repetitive", f"{again[0]!r} is repeated within a sentence.") if again else None


def circular(text: str) -> Fault | None:
    """'The cat is a black cat', 'the cat wears a cat': the subject's noun is said of itself."""
    plain = words(text)
    for index, word in enumerate(plain[1:], 1):
        if word in ("is", "are", "wears", "wear", "has"):
            subject = set(content(" ".join(plain[:index])))
            again = subject & set(content(" ".join(plain[index + 1 :])))
            if len(subject) <= 3 and again:
                return Fault("repetitive", f"It is said of {min(again)!r} that it is itself.")
            return None
    return None


def repeated_trigrams(text: str) -> float:
    """Share of the word 3-grams of `text` that occur more than once, 0 to 1."""
    counts = Counter(ngrams(words(text), 3))
    total = sum(counts.values())
    return sum(count for count in counts.values() if count > 1) / total if total else 0.0


def echo(text: str, prompt_grams: frozenset[tuple[str, ...]], size: int = 5) -> Fault | None:
    """A run of `size` words that stands in the prompt's own text (its instructions and examples)."""
    found = [gram for gram in ngrams(words(text), size) if gram in prompt_grams]
    return Fault("prompt_echo", f"{' '.join(found[0])!r} is copied from the instructions.") if found else None


def grams_of(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """The word runs of a prompt that `echo` looks for; runs of function words alone are left out."""
    return frozenset(
        gram for gram in ngrams(words(text), size) if sum(word not in FUNCTION_WORDS for word in gram) >= 2
    )


def numbers(text: str) -> list[str]:
    """Numbers in `text` as digits or number words, in order."""
    return [word for word in words(text) if word.isdigit() or word in NUMBERS]


_BROKEN = re.compile(
    r"\b(?:an?|the) an?\b|\ba (?:two|three|four|five|six|several|many)\b(?!-)|\bmade of (?:an? )?(?:wooden|golden|"
    r"black|white|gr[ea]y|red|blue|green|yellow|orange|purple|pink|brown)(?=[,.;]| and)|\b(?:is|are) (?:is|are)\b",
    re.IGNORECASE,
)


def broken_grammar(text: str) -> Fault | None:
    """A few mistakes that only weak models make: 'a three apples', 'made of white', 'the a'."""
    found = _BROKEN.search(text)
    return Fault("garbled", f"{found.group(0)!r} is not English.") if found else None


NUMBERS = word_set("one two three four five six seven eight nine ten eleven twelve dozen single pair several many few")
COLOURS = word_set(
    """black white grey gray red blue green yellow orange purple pink brown golden gold silver beige tan turquoise
    violet maroon cream copper bronze teal crimson scarlet tawny ivory"""
)
COLOUR_STEMS = frozenset(stem(colour) for colour in COLOURS)
