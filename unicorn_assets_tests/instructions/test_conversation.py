import polars as pl
import pytest

from unicorn_assets.curation.leaks import Item, Leaks
from unicorn_assets.instructions.conversation import conversation, to_records
from unicorn_assets.lake.schemas import polars_schema

ORIGIN = {"model": "m", "request_hash": "h", "prompt_version": "p", "drafts": 1}
CHOICE = {"question": "What is red?", "options": ["A cat", "A hat", "A bus", "A bat"], "answer": "C"}
FREE = {"question": "Where is the bus?", "options": None, "answer": "It stands in the rain."}


def caption(number: int, task: str | None) -> dict[str, object]:
    return {"caption_id": f"c{number}", "seed_id": f"s{number}", "text": f"Bus {number}.", "task": task}


def table(task: str, *rows: tuple[int, list[dict[str, object]]]) -> pl.DataFrame:
    made = [ORIGIN | {"instruction_id": f"i{n}", "caption_id": f"c{n}", "pairs": pairs} for n, pairs in rows]
    return pl.DataFrame(made, schema=polars_schema(task))


def test_a_multiple_choice_record_to_the_letter():
    assert conversation([CHOICE, CHOICE | {"question": "Which?", "answer": "A"}]) == [
        {"from": "human", "value": "<image>\nWhat is red?\nA: A cat\nB: A hat\nC: A bus\nD: A bat"},
        {"from": "gpt", "value": "C"},
        {"from": "human", "value": "Which?\nA: A cat\nB: A hat\nC: A bus\nD: A bat"},
        {"from": "gpt", "value": "A"},
    ]


def test_a_free_record_to_the_letter():
    assert conversation([FREE]) == [
        {"from": "human", "value": "<image>\nWhere is the bus?"},
        {"from": "gpt", "value": "It stands in the rain."},
    ]


def test_records_follow_the_captions_and_carry_their_text():
    captions = pl.DataFrame([caption(2, "question_answering"), caption(0, None), caption(1, "multiple_choice")])
    pairs = {
        "multiple_choice": table("multiple_choice", (1, [CHOICE])),
        "question_answering": table("question_answering", (2, [FREE, FREE])),
    }
    records, refused = to_records(captions, pairs)
    assert dict(records.schema) == polars_schema("instructions")
    assert records["instruction_id"].to_list() == ["i2", "i1"]
    assert records["pairs"].to_list() == [2, 1]
    assert records["caption"].to_list() == ["Bus 2.", "Bus 1."]
    assert records["seed_id"].to_list() == ["s2", "s1"]
    assert len(refused) == 0


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([FREE | {"answer": "It is <image> there."}], "<image>"),
        ([FREE, FREE | {"question": "<image>\nWhere?"}], "<image>"),
        ([CHOICE | {"answer": "E"}], "'E'"),
        ([CHOICE | {"options": ["A", "B"]}], "2 options"),
        ([FREE | {"answer": " "}], "empty"),
        ([], "no pairs"),
    ],
)
def test_what_would_break_a_trainer_is_quarantined(pairs: list[dict[str, object]], says: str):
    frame = pl.DataFrame([caption(1, "multiple_choice")])
    records, refused = to_records(frame, {"multiple_choice": table("multiple_choice", (1, pairs))})
    assert len(records) == 0
    assert refused["reason"].to_list() == ["bad_turn"]
    assert says in refused["detail"][0]


def test_pairs_of_a_caption_that_is_gone_are_quarantined():
    frame = pl.DataFrame([caption(1, "question_answering")])
    stale = {"multiple_choice": table("multiple_choice", (1, [CHOICE]), (7, [CHOICE]))}
    records, refused = to_records(frame, stale)
    assert len(records) == 0
    assert refused["reason"].to_list() == ["no_caption", "no_caption"]


def test_a_record_of_which_a_pair_holds_an_item_of_a_benchmark_is_leaked():
    frame = pl.DataFrame([caption(1, "question_answering")])
    asked = FREE | {"question": "How many lamps hang over the long table?"}
    leaks = Leaks([Item("quiz", "q7", (asked["question"],))])
    records, refused = to_records(frame, {"question_answering": table("question_answering", (1, [FREE, asked]))}, leaks)
    assert len(records) == 0
    assert refused.select("reason", "detail").row(0) == ("leaked", "pair 2 holds the question of item q7 of quiz")
    assert len(to_records(frame, {"question_answering": table("question_answering", (1, [FREE]))}, leaks)[0]) == 1


def test_an_unknown_task_is_an_error():
    with pytest.raises(KeyError):
        to_records(pl.DataFrame([caption(1, None)]), {"riddles": table("multiple_choice")})
