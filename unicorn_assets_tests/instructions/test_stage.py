import json
import random
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.ids import seed_of
from unicorn_assets.instructions.multiple_choice.answer import LETTERS, ChoicePair, finish
from unicorn_assets.instructions.stage import prompt_of
from unicorn_assets.lake.schemas import polars_schema
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import stages
from unicorn_assets_tests.scripted import ask_by, recipe, write_pairs

CAPTION = "A man in a yellow helmet digs a hole next to a brick house. A shovel leans against the white wall."
GOOD = [
    {"question": "What color is the helmet of the man?", "answer": "Yellow", "wrong_options": ["Blue", "Red", "Green"]},
    {"question": "What leans against the wall?", "answer": "A shovel", "wrong_options": ["A saw", "A cow", "A cat"]},
    {"question": "What does the man dig?", "answer": "A hole", "wrong_options": ["A pond", "A well", "A grave"]},
]
RECIPE = recipe(instructions={"multiple_choice": {"gates": {"min_pairs": 2, "max_pairs": 3}}})


def version(made: Recipe, task: str) -> str:
    return stages(made)[task].version


def schema(task: str, gates: dict[str, object], caption: str = CAPTION) -> dict[str, Any]:
    """The schema of the first request about a caption."""
    frame = pl.DataFrame({"caption_id": ["c"], "text": [caption], "task": [task]})
    (row,) = stages(recipe(instructions={task: {"gates": gates}}))[task].rows(frame)
    return row.request(0, None).schema


def captions(tasks: list[str | None]) -> pl.DataFrame:
    rows = [{"caption_id": f"c{n}", "text": CAPTION, "task": task} for n, task in enumerate(tasks)]
    return pl.DataFrame(rows, schema={"caption_id": pl.String, "text": pl.String, "task": pl.String})


def write(pairs: list[dict[str, object]], **more: object):
    ask = ask_by(lambda _: json.dumps({"pairs": pairs}), **more)
    return write_pairs("multiple_choice", captions(["multiple_choice"]), RECIPE, ask)


def test_only_captions_of_the_task_are_asked_in_their_order():
    table = captions(["multiple_choice", None, "question_answering", "multiple_choice"])
    asked: list[ChatRequest] = []

    def say(request: ChatRequest) -> str:
        asked.append(request)
        return json.dumps({"pairs": GOOD})

    made, refused = write_pairs("multiple_choice", table, RECIPE, ask_by(say, order=lambda rows: rows[::-1]))
    assert made["caption_id"].to_list() == ["c0", "c3"]
    assert len(asked) == 2
    assert len(refused) == 0
    assert dict(made.schema) == polars_schema("multiple_choice")
    assert made["instruction_id"].n_unique() == 2


def test_a_bad_pair_is_dropped_and_the_record_kept():
    bad = GOOD[1] | {"answer": "An elephant"}
    made, _ = write([GOOD[0], bad, GOOD[2]])
    assert [pair["question"] for pair in made["pairs"][0]] == [GOOD[0]["question"], GOOD[2]["question"]]


def test_too_few_good_pairs_quarantine_the_caption_with_its_raw_answer():
    made, refused = write([GOOD[0], GOOD[0]])
    assert len(made) == 0
    row = refused.row(0, named=True)
    assert (row["stage"], row["row_id"], row["reason"]) == ("multiple_choice", "c0", "too_few_pairs")
    assert "duplicate_question" in row["detail"]
    assert json.loads(row["raw_answer"])["pairs"][0] == GOOD[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("no json here", "not_json"),
        ('{"pairs": [{"question": "Why?"}]}', "schema_mismatch"),
        ('{"pairs": []}', "too_few_pairs"),
    ],
)
def test_an_answer_without_pairs_is_refused(answer: str, reason: str):
    table = captions(["multiple_choice"])
    _, refused = write_pairs("multiple_choice", table, RECIPE, ask_by(lambda _: answer))
    assert refused["reason"].to_list() == [reason]


def test_json_cut_off_in_the_middle_is_repaired_and_its_whole_pairs_kept():
    cut = json.dumps({"pairs": GOOD[:2]})[:-2]
    made, _ = write_pairs("multiple_choice", captions(["multiple_choice"]), RECIPE, ask_by(lambda _: cut))
    assert len(made["pairs"][0]) == 2


@pytest.mark.parametrize("cut", [-5, -20, -60])
def test_the_pair_that_was_left_open_is_dropped_and_nothing_half_is_kept(cut: int):
    text = json.dumps({"pairs": GOOD})[:cut]
    made, _ = write_pairs("multiple_choice", captions(["multiple_choice"]), RECIPE, ask_by(lambda _: text))
    assert [pair["question"] for pair in made["pairs"][0]] == [pair["question"] for pair in GOOD[:2]]


@pytest.mark.parametrize("task", TASK_NAMES)
def test_too_few_whole_pairs_are_cut_off_in_every_task(task: str):
    pair = {"question": "What leans against the wall?", "answer": "A shovel", "steps": [CAPTION[:50]] * 2}
    text = json.dumps({"pairs": [pair | {"wrong_options": ["A saw", "A cow", "A cat"]}] * 2})
    for length in (len(text) - 3, len(text) // 2 + 9, len(text) // 3):
        _, refused = write_pairs(task, captions([task]), RECIPE, ask_by(lambda _, n=length: text[:n]))
        assert refused["reason"].to_list() == ["cut_off"]


def test_options_that_were_left_open_are_no_options():
    two = {"prompt": "multiple_choice_small", "options_prompt": "wrong_options_small", "gates": {"min_pairs": 1}}
    asked = recipe(instructions={"multiple_choice": two})

    def say(request: ChatRequest) -> str:
        if "wrong_options" in json.dumps(request.schema):
            return '{"wrong_options": ["A saw", "A cow", "A cat"]'
        return json.dumps({"pairs": [{"question": "What leans against the wall?", "answer": "A shovel"}]})

    _, refused = write_pairs("multiple_choice", captions(["multiple_choice"]), asked, ask_by(say))
    assert refused["reason"].to_list() == ["no_options"]
    assert refused["detail"][0].startswith("cut_off: ")


def test_fields_are_read_as_people_see_them():
    pair = GOOD[1] | {"question": "What leans against\u200b the&#32;wall?", "answer": "A &quot;shovel&quot;\u00a0"}
    made, refused = write([pair, GOOD[0]])
    assert made["pairs"][0][0]["question"] == "What leans against the wall?", refused.to_dicts()
    assert 'A "shovel"' in made["pairs"][0][0]["options"]


def test_role_words_inside_a_pair_drop_it():
    made, _ = write([GOOD[0], GOOD[1] | {"answer": "A shovel. USER: More."}, GOOD[2]])
    assert [pair["question"] for pair in made["pairs"][0]] == [GOOD[0]["question"], GOOD[2]["question"]]


def test_whatever_an_answer_is_its_row_can_be_stored():
    _, refused = write_pairs(
        "multiple_choice", captions(["multiple_choice"]), RECIPE, ask_by(lambda _: "\ud83d\0 {" * 9)
    )
    assert refused["raw_answer"][0].startswith("\ufffd\ufffd {")


def test_the_order_of_answers_does_not_matter():
    table = captions(["multiple_choice"] * 9)
    shuffle = ask_by(lambda _: json.dumps({"pairs": GOOD}), order=lambda rows: random.Random(1).sample(rows, len(rows)))
    plain = ask_by(lambda _: json.dumps({"pairs": GOOD}))
    assert_frame_equal(*(write_pairs("multiple_choice", table, RECIPE, ask)[0] for ask in (plain, shuffle)))


TEXTS = st.lists(
    st.text("abcdefgh ", min_size=1, max_size=12).map(str.strip).filter(bool), min_size=4, max_size=4, unique=True
)


@given(TEXTS, st.text(max_size=20))
def test_shuffling_changes_the_order_and_nothing_else(texts: list[str], caption_id: str):
    pair = ChoicePair(question="What is it?", answer=texts[0], wrong_options=texts[1:])
    made = finish(pair, caption_id)
    assert sorted(made["options"]) == sorted(texts)
    assert made["options"][LETTERS.index(made["answer"])] == texts[0]
    assert made == finish(pair, caption_id)


def test_letters_balance_over_a_table_and_do_not_follow_one_another():
    pairs = [ChoicePair(**pair) for pair in GOOD]
    letters = [[finish(pair, f"c{n}")["answer"] for pair in pairs] for n in range(4000)]
    flat = Counter(letter for row in letters for letter in row)
    assert set(flat) == set(LETTERS)
    assert all(abs(count - 3000) < 200 for count in flat.values())  # standard deviation 47
    joint = Counter((first, second) for first, second, _ in letters)
    assert len(joint) == 16
    assert all(abs(count - 250) < 90 for count in joint.values())  # standard deviation 15


@pytest.mark.parametrize("task", TASK_NAMES)
def test_schema_holds_the_recipes_number_of_pairs(task: str):
    def items(**gates: int) -> tuple[int, int]:
        made = schema(task, gates)
        return made["properties"]["pairs"]["minItems"], made["properties"]["pairs"]["maxItems"]

    assert items(min_pairs=2, max_pairs=3) == (3, 3)
    assert items(min_pairs=2, min_asked=2, max_pairs=3) == (2, 3)
    assert items(min_pairs=1, min_asked=2, max_pairs=3) == (2, 3)
    assert items() == ((4, 4) if task == "complex_reasoning" else (8, 8))


def test_extractive_steps_are_different_sentences_of_the_caption():
    gates = {"extractive": True}
    first, second = CAPTION.split(". ")[0] + ".", CAPTION.split(". ")[1]
    steps = schema("complex_reasoning", gates)["$defs"]["Problem"]["properties"]["steps"]
    assert steps == {"enum": [[first, second], [second, first]]}
    assert "enum" not in schema("complex_reasoning", gates, first)["$defs"]["Problem"]["properties"]["steps"]


def test_schema_limits_the_steps_of_a_solution():
    gates = {"max_steps": 3}
    assert schema("complex_reasoning", gates)["$defs"]["Problem"]["properties"]["steps"]["maxItems"] == 3


@pytest.mark.parametrize("task", TASK_NAMES)
def test_prompts_that_ship_are_filled_and_enter_the_version(task: str):
    plain, small = recipe(), recipe(instructions={task: {"prompt": f"{task}_small"}})
    for made in (plain, small):
        text = "".join(turn["content"] for turn in prompt_of(made, task).render({"caption": "x"}))
        assert not any(f"{{{name}}}" in text for name in ("caption", "min_pairs", "max_pairs", "problem"))
    assert version(plain, task) != version(small, task)
    assert version(plain, task) == version(recipe(instructions={task: {"weight": 5}}), task)
    assert version(plain, task) != version(
        recipe(instructions={task: {"gates": {"max_pairs": 9, "min_pairs": 3}}}), task
    )


EXAMPLE_GATES = {"strict": True, "min_pairs": 1, "max_pairs": 3, "min_grounding": 0.6}


@pytest.mark.parametrize("task", ["question_answering", "complex_reasoning"])
def test_worked_examples_pass_the_gates_they_stand_beside(task: str):
    made = recipe(instructions={task: {"prompt": f"{task}_small", "gates": EXAMPLE_GATES}})
    turns = prompt_of(made, task).turns
    examples = [(turns[n][1], turns[n + 1][1]) for n in range(1, len(turns) - 1, 2)]
    assert len(examples) >= 2
    for caption, answer in examples:
        row = {"caption_id": "c", "text": caption, "task": task}
        bare = recipe(instructions={task: {"gates": EXAMPLE_GATES}})
        table, refused = write_pairs(task, pl.DataFrame([row]), bare, ask_by(lambda _, said=answer: said))
        assert refused["detail"].to_list() == []
        assert len(table["pairs"][0]) == len(json.loads(answer)["pairs"])


TWO = {"multiple_choice": {"prompt": "multiple_choice_small", "options_prompt": "wrong_options_small"}}
TWO["multiple_choice"]["gates"] = {"min_pairs": 1, "min_asked": 1, "max_pairs": 3, "max_answer_chars": 40}


def in_two_steps(request: ChatRequest) -> str:
    last = request.messages[-1]["content"]
    if "Right:" not in last:
        return json.dumps({"pairs": [{"question": pair["question"], "answer": pair["answer"]} for pair in GOOD]})
    wrong = next(pair["wrong_options"] for pair in GOOD if pair["question"] in last)
    return json.dumps({"wrong_options": ["Blue", "Blue", "Red"] if "wall" in last else wrong})


def test_two_steps_give_the_pairs_whose_options_pass():
    ask = ask_by(in_two_steps, order=lambda rows: rows[::-1])
    made, refused = write_pairs("multiple_choice", captions(["multiple_choice"] * 2), recipe(instructions=TWO), ask)
    assert made["caption_id"].to_list() == ["c0", "c1"]
    assert len(refused) == 0
    for row in made.iter_rows(named=True):
        assert [pair["question"] for pair in row["pairs"]] == [GOOD[0]["question"], GOOD[2]["question"]]
        for pair, source in zip(row["pairs"], (GOOD[0], GOOD[2]), strict=True):
            assert pair["options"][LETTERS.index(pair["answer"])] == source["answer"]
        assert row["drafts"] == 1 + 1 + 2 + 1


def test_two_steps_quarantine_a_caption_without_options_and_one_without_questions():
    def no_options(request: ChatRequest) -> str:
        return in_two_steps(request) if "Right:" not in request.messages[-1]["content"] else '{"wrong_options": []}'

    table = captions(["multiple_choice"])
    for say, reason in ((no_options, "no_options"), (lambda _: '{"pairs": []}', "too_few_pairs")):
        made, refused = write_pairs("multiple_choice", table, recipe(instructions=TWO), ask_by(say))
        assert len(made) == 0
        assert refused["reason"].to_list() == [reason]
        assert refused["raw_answer"][0]


def test_two_steps_go_on_with_new_questions_until_the_wanted_share():
    """The first questions get no good options; those of the row's next draft do."""

    def say(request: ChatRequest) -> str:
        if request.seed == seed_of("multiple_choice", CAPTION, 0):
            return json.dumps({"pairs": [{key: GOOD[1][key] for key in ("question", "answer")}]})
        return in_two_steps(request)

    def made_by(**accept: object):
        more = {"multiple_choice": TWO["multiple_choice"] | ({"accept": accept} if accept else {})}
        settings = recipe(instructions=more)
        return write_pairs("multiple_choice", captions(["multiple_choice"]), settings, ask_by(say), granted)

    granted: dict[str, int] = {}
    made, refused = made_by()
    assert (made.height, refused["reason"].to_list(), refused["attempts"].to_list()) == (0, ["no_options"], [3])
    made, refused = made_by(share=1.0, more_drafts=2)
    assert refused.height == 0
    # One for the first questions and two for their options, one for the next questions, and their options.
    assert made["drafts"].to_list() == [3 + 1 + 1 + 2 + 1]
    assert [pair["question"] for pair in made["pairs"][0]] == [GOOD[0]["question"], GOOD[2]["question"]]
    granted = {"c0": 1}
    assert_frame_equal(made_by()[0], made)
