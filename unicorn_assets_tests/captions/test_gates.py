import pytest

from unicorn_assets.captions.gates import caption_of
from unicorn_assets.curation.prose import grams_of
from unicorn_assets.llm.row import Rejected
from unicorn_assets.recipe import CaptionGates

SEED = "A brown dog sleeps on a red sofa"
GOOD = (
    "A brown dog with long ears sleeps on a red sofa. Its front paws hang over the edge of the seat. "
    "Two striped cushions lie beside the dog, and a floor lamp with a round shade stands behind the sofa."
)
GATES = CaptionGates(strict=True, min_words=15, max_words=80)
PROMPT = grams_of("The lid has a small white knob and the handle is thin.")


def reason_of(answer: str, gates: CaptionGates = GATES, seed: str = SEED) -> str:
    with pytest.raises(Rejected) as caught:
        caption_of(answer, seed, gates, PROMPT)
    assert caught.value.detail
    return caught.value.reason


def test_a_good_caption_passes_unchanged():
    assert caption_of(GOOD, SEED, GATES, PROMPT) == GOOD
    assert caption_of(f'  "{GOOD}"\n', SEED, GATES, PROMPT) == GOOD


@pytest.mark.parametrize(
    "answer",
    [
        GOOD.replace("with long", "with\u200b long"),
        GOOD.replace("sleeps on", "sleeps\u00a0on").replace("Two ", "Two\u202f"),
        "\ufeff" + GOOD.replace("cushions", "cu\xadshions") + "\u2060",
        "\x1b[31m" + GOOD + "\x1b[0m",
        GOOD.replace("dog, and", "dog\0, and"),
        GOOD.replace("dog, and", "dog&#44; &#x61;nd"),
    ],
)
def test_what_nobody_sees_is_taken_out(answer: str):
    assert caption_of(answer, SEED, GATES, PROMPT) == GOOD


def test_entities_are_decoded_and_accents_composed():
    odd = GOOD.replace("striped", "&amp;quot;striped&amp;quot;").replace("floor lamp", "de\u0301cor lamp")
    assert caption_of(odd, SEED, GATES, PROMPT) == GOOD.replace("striped", '"striped"').replace(
        "floor lamp", "décor lamp"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("   \n ", "empty"),
        ("A brown dog sleeps on a red sofa.", "too_short"),
        (
            "A brown dog with long ears sleeps on a red sofa beside two striped cushions and a floor lamp with a",
            "cut_off",
        ),
        ("I'm sorry, but I cannot describe a dog that sleeps on a red sofa.", "refusal"),
        ("As an AI, the brown dog sleeps on a red sofa. " + GOOD, "refusal"),
        ("- A brown dog\n- A red sofa", "not_plain_text"),
        ("**Dog**: " + GOOD, "not_plain_text"),
        (GOOD.replace(". ", ".\n\n"), "not_plain_text"),
        (GOOD + " <|im_end|>", "chat_mark"),
        ("<s>" + GOOD, "chat_mark"),
        (GOOD + "<end_of_turn>", "chat_mark"),
        ("ASSISTANT: " + GOOD, "chat_mark"),
        (GOOD + " USER: More. ASSISTANT: A drum.", "chat_mark"),
        (GOOD[:-1] + " [/INST].", "chat_mark"),
        (GOOD.replace("red", "&lt;b&gt;red&lt;/b&gt;", 1), "not_plain_text"),
        (GOOD.replace("red", "&nosuch; red", 1), "chat_mark"),
        ("A brown dog sleeps on a red sofa. " * 400, "too_long"),
        ("一只棕色的狗睡在红色的沙发上。" + GOOD, "garbled"),
        ("12 34 55 66 77 88 99 dog 12 33 44 55.", "garbled"),
        ("A brown dooooog sleeps. " + GOOD, "garbled"),
        ("A car stands on a wide road between two rows of old trees. A blue house is far away.", "ungrounded"),
        ("My brown dog sleeps on a red sofa. " + GOOD, "person"),
        ("You can see a brown dog on a red sofa. " + GOOD, "person"),
        ("The image shows a brown dog on a red sofa. " + GOOD, "meta_mention"),
        ("In this picture a brown dog sleeps on a red sofa. " + GOOD, "meta_mention"),
        ("A beautiful brown dog sleeps on a red sofa. " + GOOD, "non_visual"),
        ("A brown dog is a brown dog on a sofa. " + GOOD, "repetitive"),
        ("Where does the brown dog sleep? " + GOOD, "question"),
        ("The lid has a small white knob on the red sofa of a brown dog that sleeps.", "prompt_echo"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(answer: str, reason: str):
    assert reason_of(answer) == reason


def test_a_long_caption_is_refused_not_cut():
    assert reason_of(GOOD, GATES.model_copy(update={"max_words": 30})) == "too_long"


@pytest.mark.parametrize(
    "faulty",
    [
        "The dog is a symbol of loyalty and evokes a feeling of peace.",
        "The brown dog sleeps on the red sofa with long ears.",
        "The sofa is blue with thin metal legs.",
        "I think that the dog has a small white spot.",
        "The photo captures a small table with a glass.",
        "The lid has a small white knob and a ring.",
        "A tall plant in a clay pot stands next to",
        "The dog is wearing a blue hat with a ribbon.",
        "The lamp is made of white and has a three legs.",
        "It is not a cat but a small horse.",
    ],
)
def test_a_faulty_later_sentence_is_cut_out_and_the_rest_stays(faulty: str):
    first, rest = GOOD.split(". ", 1)
    ended = faulty if faulty.endswith(".") else None
    assert caption_of(f"{GOOD} {faulty}", SEED, GATES, PROMPT) == GOOD
    if ended:
        assert caption_of(f"{first}. {faulty} {rest}", SEED, GATES, PROMPT) == GOOD


def test_too_many_faulty_sentences_refuse_the_draft_by_the_commonest_reason():
    loop = " ".join(["The dog is asleep on the sofa."] * 4)
    assert reason_of(f"{GOOD} {loop}") == "repetitive"
    lenient = GATES.model_copy(update={"max_faulty_sentences": 0.6})
    assert caption_of(f"{GOOD} {loop}", SEED, lenient, PROMPT) == GOOD


def test_a_trimmed_caption_must_still_pass():
    short = "A brown dog sleeps on a red sofa. It is a beautiful picture of a happy life at home with good people."
    assert reason_of(short, GATES.model_copy(update={"max_faulty_sentences": 1.0})) == "too_short"


def test_sentences_beyond_the_limit_are_cut_off():
    two = GATES.model_copy(update={"max_sentences": 2})
    assert caption_of(GOOD, SEED, two, PROMPT) == ". ".join(GOOD.split(". ")[:2]) + "."


def test_words_of_the_medium_in_a_seed_need_not_return():
    assert caption_of(GOOD, "A close-up photo of a delicious brown dog", GATES, PROMPT) == GOOD


def test_other_things_may_differ_in_colour():
    more = " The other sofa is blue with thin metal legs."
    assert caption_of(GOOD + more, SEED, GATES, PROMPT) == GOOD + more


def test_people_may_wear_things_but_not_what_was_something_else_before():
    seed = "A woman in a red coat walks a small dog"
    gates = GATES.model_copy(update={"min_words": 8})
    good = "A woman in a red coat walks a small dog through snow. She is wearing grey gloves and a knitted hat."
    odd = "A woman in a red coat walks a small dog through snow. She is wearing a brown dog and a scarf."
    assert caption_of(good, seed, gates, PROMPT) == good
    assert reason_of(odd, gates, seed) == "implausible"


def test_things_that_the_list_of_nouns_lacks_do_not_make_a_caption_unseen():
    seed = "A curved trolley and a knotted teapot"
    text = (
        f"{seed} stand in a workshop. A heavy pillar stands beside the dotted chest. A crooked stool stands beside the "
        "weathered haystack. A tiled loom leans near the tall hammock. A panelled signpost rests behind the woven "
        "spindle."
    )
    assert caption_of(text, seed, CaptionGates(min_words=15), frozenset()) == text
