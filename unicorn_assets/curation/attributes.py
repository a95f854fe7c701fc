"""What a sentence says of things: colours and numbers, each with the noun it belongs to. Guessed, without a grammar."""

from unicorn_assets.curation.prose import COLOURS, NUMBERS
from unicorn_assets.curation.words import FUNCTION_WORDS, stem, words


def attributes(sentence: str) -> list[tuple[str, tuple[str, str]]]:
    """(noun stem, (kind, value)) for 'red door' and 'door is red'; the noun is guessed as the next or last word."""
    plain = words(sentence)
    found = []
    for index, word in enumerate(plain):
        kind = "colour" if word in COLOURS else "number" if word in NUMBERS else None
        if kind is None:
            continue
        if kind == "colour" and index > 1 and plain[index - 1] in ("is", "are"):
            found.append((stem(plain[index - 2]), (kind, word)))
        elif (
            kind == "colour" and plain[index + 1 : index + 2] == ["and"] and set(plain[index + 2 : index + 3]) & COLOURS
        ):
            found += [(stem(noun), (kind, word)) for noun in plain[index + 3 : index + 4]]  # 'black and white cow'
        elif index + 1 < len(plain) and plain[index + 1] not in FUNCTION_WORDS:  # not 'one can', 'two of'
            found.append((stem(plain[index + 1]), (kind, word)))
    return found
