"""What no picture shows: judgement, feeling, taste, general knowledge, the past. Lists of words, and the gate on them.

Not here: other gates on any prose (prose.py), questions for what cannot be seen (instructions/support.py).
"""

import re
from collections.abc import Sequence

from unicorn_assets.curation.attributes import seen_share
from unicorn_assets.curation.prose import Fault, unquoted
from unicorn_assets.curation.signs import has, sign
from unicorn_assets.curation.things import things
from unicorn_assets.curation.words import by_word, word_set, words

_NON_VISUAL_WORDS = r"""
    beautiful\w*|stunning\w*|majestic\w*|gorgeous|delicious\w*|tasty|savory|flavou?r\w*|aroma\w*|scents?|smell\w*|
    fragran\w*|magnificent|breathtaking|mesmeri[sz]ing|captivating|picturesque|iconic|classic(?!\ cars?\b)|unique|
    perfect\w*|amazing|wonderful|lovely|elegan\w*|symbol\w*|testament|reminder|represent\w*|evok\w+|convey\w*|
    atmosphere|ambian?ce|mood|sense|feel|feels|feeling\w*|emotion\w*|joy\w*|happ(?:y|ily|iness)|
    sad(?:ly|ness|der|dest|dened)?|serene|seren\w+|tranquil\w*|peaceful\w*|cozy|cosy|nostalgi\w*|inviting|charm\w*|
    romantic|myster\w*|popular\w*|famous\w*|known|traditional\w*|tradition|cultur\w*|histor\w*|heritage|usually|
    often|typically|always|sometimes|generally|common\w*|never|originat\w*|because|ideal|important|essential|
    enjoy\w*|lov(?:e|es|ed|ing)|hope\w*|dream\w*|remember\w*|thinks?|thinking|believ\w*|wants?|decid\w*|says?|said|
    asks?|asked|tells?|told|called|named|example|masterpiece|journey|story|stories|imagin\w+|adventure\w*|
    favou?rite|likely|probably|perhaps|maybe|might|would|could|should|must|if|ever|high-quality|high-end|durable|
    withstand\w*|environment|(?<!mountain\ )range|wind(?!\ (?:turbine|chime|sock|farm)s?\b)|qualit\w+|not|rather|
    illusion\w*|real|found|native|species|types?\ of|kinds?\ of|options?|consist\w*|variet\w+|reali[sz]e\w*|
    (?:is|was|are)\ a\ scene|shot(?!\ (?:glass(?:es)?|put)\b)|scientif\w*|century|ancient|allow\w*|used\ to|sight|
    attention|experience\w*|skills?|skilled|passion\w*|dedicat\w*|spirit\w*|soul\w*|
    life(?!\ (?:jacket|vest|ring|raft|buoy|preserver|belt)s?\b)|world(?!\ maps?\b)"""
_NON_VISUAL = re.compile(rf"\b(?:{_NON_VISUAL_WORDS})\b", re.IGNORECASE | re.VERBOSE)
_UNSEEN_WORDS = r"""
    beaut(?:y|iful|ifully)|stunning\w*|majest\w*|gorgeous\w*|delicious\w*|delectable|tast(?:e|es|ed|ing|y)|savou?ry|
    flavou?r\w*|aroma\w*|scent(?:s|ed)?|smell(?:s|ed|ing|y)?|fragran\w*|magnificen\w*|breathtaking\w*|
    mesmeri[sz]\w*|captivat\w*|picturesque|iconic|amazing\w*|wonder(?:ful|fully|s)|lovely|charm(?:s|ing|ingly)?|
    invit(?:es|ing|ingly)|romantic|exquisite\w*|delight\w*|irresistib\w*|unforgettable|perfect(?:ion|ly)?|
    incredibl\w*|superb\w*|luxur\w*|finest|best|must-see|world-class|effortless\w*|priceless|symboli[sz]\w*|
    symbols?|testament|reminder|represent\w*|evok\w+|convey\w*|atmospheric|ambian?ce|moods?|feel(?:s|ing|ings)?|
    emotion\w*|joy(?:s|ful|fully|ous)?|happ(?:y|ily|iness)|sadness|sorrow\w*|seren(?:e|ity)|tranquil\w*|
    peace(?:ful|fully)?|nostalgi\w*|longing|pride|proud\w*|grie(?:f|ves?)|lonel(?:y|iness)|passion\w*|
    spirit(?:s|ual)?|souls?|afraid|fears?|worr(?:y|ies|ied)|confidence|courage|trust|patience|wisdom|freedom|
    failure|success|effort|meaning|meant|understands?|realiz\w*|realis\w*|remember\w*|forget\w*|promis\w*|decided|
    believes|believed|thinks|thought|knows|knew|regrets?|misses|longs|wishes|popular\w*|famous\w*|renowned|
    celebrated|beloved|tradition(?:s|ally)?|cultur\w*|histor\w*|heritage|centur(?:y|ies)|legend\w*|myth\w*|dynasty|
    empire|wars?|revolution|era|ago|usually|typically|generally|originat\w*|founded|commissioned|invented|
    discovered|domesticated|inscribed|according|considered|species|called|
    research\w*|scientists?|psychologists?|experts?|studies|percent|energy|vitamins?|calories|protein|
    economy|industry|output|exports?|trade|population|millions?|billions?|government|law|dream\w*|
    memor(?:y|ies|able)|imagin\w+|hope(?:s|d|ful)?|loves?|loved|enjoy\w*|thank\w*|offers?|offered|affordab\w*|
    discount\w*|guarantee\w*|orders|ordered|owners|price[sd]?|purchases?|delivered|
    warranty|ideal|enhance\w*|experience\w*|benefits?|quality"""
_UNSEEN_RUNS = r"""
    dates?\ back|known\ (?:for|as)|used\ for|per\ cent|famil(?:y|ies)\ love|free\ of\ charge|design(?:ed)?\ to"""
_UNSEEN = re.compile(rf"\b(?:{_UNSEEN_WORDS}|{_UNSEEN_RUNS})\b", re.IGNORECASE | re.VERBOSE)

_JUDGEMENT = sign(rf"(?:{_NON_VISUAL_WORDS})|types?|kinds?|scene|used")
_PAST = sign("was|were|had|did|became|began")
_PRESENT = sign("is|are|has|have|do|does|can")
_UNSEEABLE = sign(_UNSEEN_WORDS)
_BEGINS_RUN = sign("dates?|known|used|per|free|famil(?:y|ies)|design(?:ed)?")
_DATED = sign(r".*\d.*")
_RUNS = re.compile(rf"\b(?:{_UNSEEN_RUNS})\b", re.IGNORECASE | re.VERBOSE)
_WEAK = word_set("ago price prices orders offered millions energy called best quality")
_YEAR = re.compile(r"(?:1[1-9]|20)\d\ds?")


def non_visual(text: str, *, strict: bool = True) -> Fault | None:
    """Judgement, feeling, taste, general knowledge, guesses: nothing that a picture can show.

    Strict refuses a sentence for one such word. Otherwise two have to meet, or one where hardly a thing is named: an
    elegant sofa with bowed legs is there to be seen.
    """
    if not has(text, _JUDGEMENT if strict else _UNSEEABLE | _BEGINS_RUN | _PAST | _DATED):
        return None
    text = unquoted(text)
    if strict:
        found = has(text, _JUDGEMENT) and _NON_VISUAL.search(text)
        return Fault("non_visual", f"Only what can be seen; {found.group(0)!r} cannot.") if found else None
    signs = _unseen(text)
    told = has(text, _PAST) and not has(text, _PRESENT)
    if told and "ago" in signs:
        signs.remove("ago")  # says no more than the tense does
    dated = has(text, _DATED) and any(map(_YEAR.fullmatch, words(text)))
    count = len(signs) + told + dated
    if count < 2 and (not signs or signs[0] in _WEAK or len(things(text)) > 1):
        return None
    what = " and ".join(map(repr, signs[:2])) or "what was"
    return Fault("non_visual", f"Only what can be seen; {what} cannot.")


def _unseen(text: str) -> list[str]:
    """What cannot be seen, each once and in order."""
    if not has(text, _UNSEEABLE) and not (has(text, _BEGINS_RUN) and _RUNS.search(text)):
        return []
    return list(dict.fromkeys(map(str.lower, _UNSEEN.findall(text))))


_PLACED = word_set(
    """on in at under over above below behind beside between near inside outside along across through around against
    among into onto from left right top front middle background foreground up down beyond next"""
)
_TELLING = word_set(
    """was were had did been would could may might can should must will often usually always never ever years year ago
    century centuries because since if whether according today once has have about such most many much more than"""
)
_is_placed = by_word(lambda word: word in _PLACED)
_is_telling = by_word(lambda word: word in _TELLING)
_LEAST = {4: 0.13, 5: 0.165}  # by sentences; of 160 good captions none with five has less than 0.168, half 0.28


def shows_little(parts: Sequence[str]) -> Fault | None:
    """A first sentence that shows something, and behind it histories, offers, smells, sounds or advice.

    Measured over the sentences behind the first: words for what can be seen, less those of telling and supposing, and a
    tenth of a point for a sentence that says where.
    """
    rest = parts[1:]
    least = _LEAST.get(min(len(parts), max(_LEAST)))
    if least is None:
        return None
    scores = [seen_share(part) - sum(_is_telling(part)) / max(1, len(words(part))) + 0.1 * any(_is_placed(part))
              for part in rest]  # fmt: skip
    if sum(scores) / len(rest) >= least:
        return None
    return Fault("non_visual", "Most sentences tell what cannot be seen; describe things, colours, places.")
