import pytest

from unicorn_assets.curation.prose import Fault
from unicorn_assets.instructions.answer import FreePair
from unicorn_assets.instructions.complex_reasoning.answer import Problem
from unicorn_assets.instructions.gates import texts_of
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.instructions.rules import rules_of
from unicorn_assets.recipe import InstructionGates

CAPTION = (
    "A man in a yellow helmet digs a hole next to a brick house. Three white cups stand on a wooden table. "
    "A heap of sand lies on the grass, and a shovel leans against the wall."
)
GATES = InstructionGates(strict=True, min_grounding=0.6)


def fault_of(pair: ChoicePair | FreePair | Problem, caption: str, gates: InstructionGates) -> Fault | None:
    task = {ChoicePair: "multiple_choice", Problem: "complex_reasoning"}.get(type(pair), "question_answering")
    return rules_of(task).fault_of(pair, caption, gates)


def reason_of(pair: ChoicePair | FreePair | Problem) -> str | None:
    fault = fault_of(pair, CAPTION, GATES)
    assert fault is None or fault.detail
    return fault.reason if fault else None


def choice(question: str, answer: str, *wrong: str) -> ChoicePair:
    return ChoicePair(question=question, answer=answer, wrong_options=list(wrong))


@pytest.mark.parametrize(
    "pair",
    [
        choice("What color is the helmet of the man?", "Yellow", "Blue", "Red", "Green"),
        choice("How many cups stand on the table?", "Three", "Two", "Five", "Six"),
        choice("Where does the man dig a hole?", "Next to a brick house", "On a beach", "Under a bridge", "In a barn"),
        choice("What leans against the wall?", "A shovel", "A ladder", "A bicycle", "A broom"),
        choice("What material is the table made of, on which the cups stand?", "Wooden", "Glass", "Steel", "Marble"),
    ],
)
def test_good_choices_pass(pair: ChoicePair):
    assert reason_of(pair) is None


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (choice("What color is the helmet of the man?", "Blue", "Yellow", "Red", "Green"), "misaligned"),
        (choice("What color is the helmet of the man?", "White", "Blue", "Red", "Green"), "misaligned"),
        (choice("What color is the helmet of the man?", "A house", "Blue", "Red", "Green"), "wrong_kind"),
        (choice("What color is the helmet of the man?", "Yellow", "Blue", "A dog", "Green"), "wrong_kind"),
        (choice("What leans against the wall?", "A shovel", "Sand", "A bicycle", "A broom"), "wrong_option_true"),
        (choice("What leans against the wall?", "A shovel", "A shovel", "A bicycle", "A broom"), "duplicate_options"),
        (choice("What leans against the wall?", "A shovel", "The bicycle", "A bicycle", "Broom"), "duplicate_options"),
        (
            choice(
                "What leans against the wall?", "A shovel", "A very old bicycle with a bent front wheel", "Cat", "Cow"
            ),
            "option_lengths",
        ),
        (choice("What leans against the wall?", "A shovel", "None of these", "A bicycle", "A cow"), "bad_option"),
        (choice("What leans against the wall?", "A shovel", "B. A saw", "A bicycle", "A cow"), "bad_option"),
        (choice("What leans against the wall?", "A shovel", "A saw?", "A bicycle", "A cow"), "bad_option"),
        (choice("What leans against the wall?", "The wall", "A saw", "A bicycle", "A cow"), "repeats_question"),
        (choice("What leans against the wall?", "The text", "A saw", "A bicycle", "A cow"), "meta_mention"),
        (choice("What leans against the wall?", "An elephant", "A saw", "A cat", "A cow"), "ungrounded_answer"),
        (choice("What leans against the wall?", "A shovel", "The old shovel", "A cat", "A cow"), "wrong_option_true"),
        (choice("What leans against the wall?", "A shovel", "A saw", "It is a cat", "A cow"), "bad_option"),
        (choice("What leans against the wall?", "A shovel", "A saw", "Red", "A cow"), "bad_option"),
        (choice("What does the shovel look like?", "A wall", "A saw", "A cat", "A cow"), "vague_question"),
        (choice("How many cups stand on the table?", "White", "Two", "Five", "Six"), "wrong_kind"),
        (choice("Where does the man dig a hole?", "A helmet", "A beach", "A bridge", "A barn"), "wrong_kind"),
        (choice("A shovel leans against the wall.", "A shovel", "A saw", "A bicycle", "A cow"), "not_a_question"),
        (choice("The shovel leans where? And why?", "A shovel", "A saw", "A bicycle", "A cow"), "not_a_question"),
        (choice("Shovel leans on the wall?", "A shovel", "A saw", "A bicycle", "A cow"), "not_a_question"),
        (choice("What leans?", "A shovel", "A saw", "A bicycle", "A cow"), "question_length"),
        (choice("What does the caption say about the wall?", "A shovel", "A saw", "A cat", "A cow"), "meta_mention"),
        (choice("What is the third word about the wall?", "A shovel", "A saw", "A cat", "A cow"), "meta_mention"),
        (choice("What do you see at the wall?", "A shovel", "A saw", "A bicycle", "A cow"), "person"),
        (
            choice("Which king rules over Spain today?", "A shovel", "A saw", "A bicycle", "A cow"),
            "ungrounded_question",
        ),
        (choice("What is the brick house?", "A shovel", "A saw", "A bicycle", "A cow"), "vague_question"),
    ],
)
def test_bad_choices_are_refused_with_their_reason(pair: ChoicePair, reason: str):
    assert reason_of(pair) == reason


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Where does the man dig?", "The man digs next to a brick house.", None),
        ("What stands on the wooden table?", "Three white cups stand on the table.", None),
        ("Where does the man dig?", "The man digs.", "wrong_kind"),
        ("What does the man do?", "The man.", "repeats_question"),
        ("What does the man do?", "He repairs an expensive motorcycle engine.", "ungrounded_answer"),
        ("What does the man do?", "He stands on a table with three white cups.", "misaligned"),
        ("Does the man dig a hole?", "Yes.", "bad_answer"),
        ("What does the man do?", "Does he dig a hole?", "bad_answer"),
        ("What does the man do?", "According to the caption he digs a hole.", "meta_mention"),
        ("What does the man do?", "I'm sorry, he digs a hole.", "refusal"),
        ("What does the man do?", "The man digs a hole a hole a hole a hole.", "repetitive"),
        ("What does the man do?", "He digs a hole " + "next to a brick house " * 20, "answer_length"),
        ("What does the man wear?", "The man is wearing a man.", "repetitive"),
        ("What is the wooden table?", "Three white cups stand on it.", "vague_question"),
        ("What does the man do?", "...", "garbled"),
        ("What does the man wear?", "The man wears a white helmet.", "wrong_attribute"),
        ("How many cups stand on the table?", "Five cups stand on the table.", "wrong_attribute"),
    ],
)
def test_free_answers(question: str, answer: str, reason: str | None):
    assert reason_of(FreePair(question=question, answer=answer)) == reason


PROBLEM = {
    "question": "Why does a heap of sand lie on the grass?",
    "steps": ["The man digs a hole next to the house.", "A heap of sand lies on the grass."],
    "answer": "The sand comes from the hole that the man digs.",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"answer": "Elephants migrate during hot summers."}, "ungrounded_answer"),
        ({"steps": ["The man digs a hole.", "The hole, the man digs."]}, "repetitive"),
        ({"steps": ["The man digs a hole.", "Who owns the house?"]}, "bad_step"),
        ({"steps": ["The man digs a hole.", "Sand."]}, "bad_step"),
        ({"steps": ["The passage says that the man digs a hole.", "Sand lies on the grass."]}, "meta_mention"),
        ({"question": "The sand comes from the hole."}, "not_a_question"),
        ({"answer": "The sand comes from the hole that the man"}, "cut_off"),
        ({"question": "How can one tell that the man is a man?"}, "repetitive"),
        ({"question": "What lies on the grass?"}, "no_reasoning"),
        ({"answer": "The sand comes from the brick house with the cups."}, "unsupported"),
        ({"question": "Why does the man eat sand and cups?"}, "misaligned"),
        ({"answer": "There is a heap of sand, for it lies there."}, "repeats_question"),
        ({"answer": "The man digs a hole by two white cups."}, "wrong_attribute"),
    ],
)
def test_problems(change: dict[str, object], reason: str | None):
    assert reason_of(Problem.model_validate(PROBLEM | change)) == reason


def test_strict_alignment_wants_the_whole_question_in_one_sentence():
    pair = FreePair(question="What does the man wear on the table?", answer="Three white cups.")
    strict = GATES.model_copy(update={"min_alignment": 1.0})
    fault = fault_of(pair, CAPTION, strict)
    assert fault is not None
    assert fault.reason == "misaligned"


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Where does the man dig a hole?", "Next to a brick house.", None),
        ("What is on the wooden table?", "Three white cups stand there.", None),
        ("What is leaning against the wall?", "A shovel.", None),
        ("What is leaning against the wall?", "A heap of sand.", "misaligned"),
        ("What is the heap on the grass?", "Sand lies there.", "vague_question"),
        ("What is the man digging next to?", "A brick house.", None),
        ("What is the man digging yellow?", "A hole.", "vague_question"),
        ("What is the man digging in the house?", "A hole.", "vague_question"),
    ],
)
def test_strict_alignment_looks_at_clauses(question: str, answer: str, reason: str | None):
    fault = fault_of(
        FreePair(question=question, answer=answer), CAPTION, GATES.model_copy(update={"min_alignment": 1.0})
    )
    assert (fault.reason if fault else None) == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("One can tell because the man digs a hole next to the house.", "unsupported"),
        ("One can tell because the man digs a hole and the heap lies on the grass.", None),
        ("One can tell because the man lies on the grass.", "unsupported"),
    ],
)
def test_extractive_reasons_are_each_said_by_one_step(answer: str, reason: str | None):
    strict = GATES.model_copy(update={"extractive": True})
    fault = fault_of(
        Problem.model_validate(
            PROBLEM | {"answer": answer, "question": "How can one tell that a heap of sand lies on the grass?"}
        ),
        CAPTION,
        strict,
    )
    assert (fault.reason if fault else None) == reason


def test_a_reason_is_not_the_step_that_says_what_is_asked():
    said = "A man in a yellow helmet digs a hole next to a brick house."
    pair = {
        "question": "How can one tell that the man in a yellow helmet digs a hole?",
        "steps": [said, "A heap of sand lies on the grass."],
        "answer": "One can tell because the man in a yellow helmet digs a hole next to a brick house.",
    }
    strict = GATES.model_copy(update={"extractive": True})
    fault = fault_of(Problem.model_validate(pair), CAPTION, strict)
    assert fault is not None
    assert fault.reason == "circular"
    other = pair | {"answer": "One can tell because a heap of sand lies on the grass and the man digs a hole."}
    assert fault_of(Problem.model_validate(other), CAPTION, strict) is None


def test_extractive_claims_stand_in_the_caption_in_one_run():
    strict = GATES.model_copy(update={"extractive": True})
    change = {"question": "How can one tell that the sand lies on a hole?"}
    fault = fault_of(Problem.model_validate(PROBLEM | change), CAPTION, strict)
    assert fault is not None
    assert fault.reason == "misaligned"


@pytest.mark.parametrize("end", ["", "."])
def test_an_answer_that_fills_the_schemas_room_must_end(end: str):
    answer = "The man digs a hole next to a brick house" + end
    gates = GATES.model_copy(update={"max_answer_chars": len(answer)})
    fault = fault_of(FreePair(question="What does the man in the helmet dig?", answer=answer), CAPTION, gates)
    assert (fault is not None and fault.reason == "cut_off") == (end == "")


def test_an_option_that_fills_the_schemas_room_may_be_cut_off():
    tight = GATES.model_copy(update={"max_answer_chars": 12})
    pair = choice("What leans against the wall?", "A shovel", "A bicycle wi", "A cat", "A cow")
    fault = fault_of(pair, CAPTION, tight)
    assert fault is not None
    assert fault.reason == "cut_off"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("The cow is black and white.", None),
        ("The cow is white.", "misaligned"),
        ("The cow is red.", "wrong_attribute"),
    ],
)
def test_a_colour_must_be_the_whole_colour_of_the_thing(answer: str, reason: str | None):
    pair = FreePair(question="What color is the cow?", answer=answer)
    fault = fault_of(pair, "A black and white cow looks over a red gate.", GATES)
    assert (fault.reason if fault else None) == reason


def test_every_text_of_a_pair_is_looked_at_whatever_holds_it():
    class Odd(FreePair):
        hints: tuple[str, ...]
        number: int

    assert texts_of(Odd(question="a?", answer="b", hints=("c", "d"), number=3)) == ["a?", "b", "c", "d"]
