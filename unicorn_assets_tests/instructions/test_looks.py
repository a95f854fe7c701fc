"""Blind and judge: what is asked again about pairs that passed the gates, and which pairs go."""

import json
from typing import Any

import polars as pl
import pytest

from unicorn_assets.instructions.looks import looks_of
from unicorn_assets.instructions.looks.blind import orders
from unicorn_assets.instructions.multiple_choice.answer import ChoicePair
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.stages import stages
from unicorn_assets_tests.scripted import ask_by, recipe, write_pairs

CAPTION = "A man in a yellow helmet digs a hole next to a brick house. A shovel leans against the white wall."
CHOICES = [
    {"question": "What color is the helmet of the man?", "answer": "Yellow", "wrong_options": ["Blue", "Red", "Green"]},
    {"question": "What leans against the wall?", "answer": "A shovel", "wrong_options": ["A saw", "A cow", "A cat"]},
]
WORDS = [
    {"question": "What color is the helmet of the man?", "answer": "It is yellow."},
    {"question": "What does the man in the helmet dig?", "answer": "He digs a hole beside a house."},
]
GOOD_MARKS = {"relevance": 5, "image_correspondence": 4, "visual_dependency": 3, "formatting": 5}


def made_of(looks: dict[str, Any], task: str = "multiple_choice", min_pairs: int = 1):
    return recipe(instructions={**looks, task: {"gates": {"min_pairs": min_pairs, "max_pairs": 2}}})


def captions(task: str, rows: int = 1) -> pl.DataFrame:
    return pl.DataFrame([{"caption_id": f"c{n}", "text": CAPTION, "task": task} for n in range(rows)])


class Model:
    """Answers pairs, knows blind what `knows` says, and gives marks by `marks`."""

    def __init__(self, pairs: list[dict[str, Any]], knows: Any = lambda _: "", marks: Any = lambda _: GOOD_MARKS):
        self.pairs, self.knows, self.marks, self.asked = pairs, knows, marks, list[str]()

    def __call__(self, request: ChatRequest) -> str:
        said = request.messages[-1]["content"]
        if "Description:" in said:
            self.asked.append("judge")
            return json.dumps(self.marks(said))
        if "cannot see" in request.messages[0]["content"]:
            self.asked.append("blind")
            return json.dumps({"answer": self.knows(said)})
        return json.dumps({"pairs": self.pairs})


def letter_of(option: str, said: str) -> str:
    return next((line[0] for line in said.splitlines() if line[3:] == option), "none")


def test_a_choice_that_is_answered_in_every_order_goes_and_a_taste_for_a_letter_is_no_knowledge():
    model = Model(CHOICES, lambda said: letter_of("A shovel", said) if "leans" in said else "B")
    made, refused = write_pairs("multiple_choice", captions("multiple_choice"), made_of({"blind": {}}), ask_by(model))
    assert [pair["question"] for pair in made["pairs"][0]] == [CHOICES[0]["question"]]
    assert (refused.height, model.asked) == (0, ["blind"] * 4)
    assert made["drafts"].to_list() == [5]


@pytest.mark.parametrize("trials", [1, 2, 3, 4])
def test_the_right_option_stands_at_another_letter_in_each_order(trials: int):
    pair = ChoicePair(**CHOICES[1])
    found = orders("c1", pair, trials)
    assert len({options.index(pair.answer) for options in found}) == trials
    assert all(sorted(options) == sorted(found[0]) for options in found)
    assert found == orders("c1", pair, trials)


def test_a_record_that_is_left_with_too_few_pairs_is_quarantined_and_goes_on_with_new_pairs():
    wanted = made_of({"blind": {}}, min_pairs=2)
    model = Model(CHOICES, lambda said: letter_of("A shovel" if "leans" in said else "Red", said))
    _, refused = write_pairs("multiple_choice", captions("multiple_choice"), wanted, ask_by(model))
    row = refused.row(0, named=True)
    assert (row["reason"], row["attempts"]) == ("answerable_blind", 5)
    assert "'What leans against the wall?' is answered without the caption: A shovel, A shovel." in row["detail"]
    further, firsts = [CHOICES[0], {**CHOICES[1], "question": "What stands at the white wall?"}], list[str]()

    def say(request: ChatRequest) -> str:
        if "pairs" in request.schema["properties"]:
            model.pairs = further if firsts else CHOICES
            firsts.append("asked")
        return model(request)

    made, _ = write_pairs("multiple_choice", captions("multiple_choice"), wanted, ask_by(say), {"c0": 1})
    assert made["pairs"].list.len().to_list() == [2]
    assert len(firsts) == 2


def test_free_answers_are_the_same_by_their_own_words_and_problems_are_not_asked_blind():
    wanted = made_of({"blind": {}}, "question_answering")
    model = Model(WORDS, lambda said: "A hole, next to his house" if "dig" in said else "unknown")
    made, _ = write_pairs("question_answering", captions("question_answering"), wanted, ask_by(model))
    assert [pair["answer"] for pair in made["pairs"][0]] == ["It is yellow."]
    assert looks_of(wanted, "complex_reasoning") == []


def test_a_blind_answer_that_cannot_be_read_says_nothing_against_a_pair():
    def say(request: ChatRequest) -> str:
        return "I do not know" if "cannot see" in request.messages[0]["content"] else json.dumps({"pairs": CHOICES})

    made, _ = write_pairs("multiple_choice", captions("multiple_choice"), made_of({"blind": {}}), ask_by(say))
    assert made["pairs"].list.len().to_list() == [2]


def test_the_judge_takes_away_what_is_below_a_least_mark_within_its_calls():
    low = {**GOOD_MARKS, "image_correspondence": 2}
    model = Model(CHOICES, marks=lambda said: low if "What leans" in said else GOOD_MARKS)
    table = captions("multiple_choice", 3)
    made, _ = write_pairs("multiple_choice", table, made_of({"judge": {}}), ask_by(model))
    assert made["pairs"].list.len().to_list() == [1, 1, 1]
    capped = made_of({"judge": {"max_calls": 4}})
    model.asked.clear()
    made, _ = write_pairs("multiple_choice", table, capped, ask_by(model, order=lambda rows: rows[::-1]))
    assert (made["pairs"].list.len().to_list(), len(model.asked)) == ([1, 1, 2], 4)
    _, refused = write_pairs("multiple_choice", table[:1], made_of({"judge": {}}, min_pairs=2), ask_by(model))
    assert refused["reason"].to_list() == ["judged_poor"]
    assert "image correspondence 2 of 5" in refused["detail"][0]


def test_looks_change_no_key_of_what_was_asked_before_and_are_part_of_the_version():
    plain, looking = (stages(made_of(looks))["multiple_choice"] for looks in ({}, {"blind": {}, "judge": {}}))
    keys = {stage.rows(captions("multiple_choice"))[0].request(0, None).key("m", "r") for stage in (plain, looking)}
    assert len(keys) == 1
    assert plain.version != looking.version
    assert [follow.most for follow in looking.follow_ups] == [4, 2]
    assert [prompt.name for prompt in looking.further] == ["blind_choice", "judge"]
