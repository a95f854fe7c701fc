"""A Spanish and a Japanese seed go through stages 1 and 2; what English rules look for is off there, and said."""

import json
from typing import Any

import polars as pl
import pytest

from unicorn_assets.curation.languages import OFF, length_in, reads_as, sentences_in
from unicorn_assets.errors import UserError
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.plan.make import Plan
from unicorn_assets.stages import stages
from unicorn_assets.terminal.plan import plan_sentences
from unicorn_assets_tests.scripted import ask_by, recipe

SPANISH = {
    "language": "es", "called": "Spanish",
    "seed": "Un gato negro en una ventana",
    "caption": "Un gato negro duerme en el alféizar de una ventana abierta, entre dos macetas de geranios rojos. La "
    "luz de la tarde dibuja rayas sobre su lomo, y la cola cuelga hacia la calle. Al otro lado del cristal se ve una "
    "cocina con azulejos blancos y una tetera en el fuego.",
    "cut": " Abajo, en la acera, un niño",
    "pairs": [
        {"question": "¿Dónde duerme el gato?", "answer": "En el alféizar de la ventana",
         "wrong_options": ["Debajo de la mesa", "Encima del tejado", "Junto a la tetera"]},
        {"question": "¿Qué hay a ambos lados del animal?", "answer": "Macetas de geranios",
         "wrong_options": ["Platos de leche", "Jaulas de pájaros", "Cestas de lana"]},
    ],
    "bad": [
        ({"question": "¿Dónde duerme el gato?", "answer": "Duerme el gato"}, "repeats_question"),
        ({"question": "What is the cat on the sill doing?", "answer": "It is asleep on the sill"}, "wrong_language"),
        ({"question": "Duerme el gato en la ventana.", "answer": "Sí, en la ventana"}, "not_a_question"),
        ({"question": "¿Dónde duerme el gato?", "answer": "En el **alféizar**"}, "not_plain_text"),
    ],
}  # fmt: skip
JAPANESE = {
    "language": "ja", "called": "Japanese",
    "seed": "雪の中の赤い郵便ポスト",
    "caption": "雪の積もった道の端に、赤い郵便ポストが立っている。ポストの上には帽子のような雪が厚く残り、"
    "側面にはつららが二本下がっている。奥には木造の家が並び、窓から黄色い明かりがもれている。",
    "cut": "手前には足跡が",
    "pairs": [
        {"question": "郵便ポストは何色ですか？", "answer": "赤", "wrong_options": ["青", "白", "緑"]},
        {"question": "窓から何がもれていますか？", "answer": "黄色い明かり",
         "wrong_options": ["白い煙", "赤い布", "青い水"]},
    ],
    "bad": [
        ({"question": "郵便ポストは何色ですか？", "answer": "何色ですか"}, "repeats_question"),
        ({"question": "What is the colour of the post box?", "answer": "Red"}, "wrong_language"),
        ({"question": "郵便ポストは赤いです。", "answer": "はい、赤いです"}, "not_a_question"),
    ],
}  # fmt: skip
BOTH = pytest.mark.parametrize("one", [SPANISH, JAPANESE], ids=["es", "ja"])


def made(language: str, **more: Any):
    gates = {"min_words": 25, "max_words": 120}
    tasks = {"multiple_choice": {"gates": {"min_pairs": 2, "max_pairs": 3}, **more}}
    return recipe(language=language, captions={"gates": gates}, instructions=tasks)


@BOTH
def test_a_seed_becomes_a_caption_and_pairs(one: dict[str, Any]):
    said: list[str] = []

    def say(request: ChatRequest) -> str:
        said.append(request.messages[-1]["content"])
        return json.dumps({"pairs": one["pairs"]}) if request.schema else one["caption"] + one["cut"]

    run = stages(made(one["language"]))
    seeds = pl.DataFrame({"seed_id": ["s1"], "text": [one["seed"]], "source": ["a"]})
    drafts, refused = run["caption_drafts"].run(seeds, ask_by(say))
    assert (refused.height, drafts["text"].to_list()) == (0, [one["caption"]])
    assert drafts["words"][0] >= 25
    captions = pl.DataFrame(
        {"caption_id": ["c1"], "text": drafts["text"], "task": ["multiple_choice"], "source": ["a"]}
    )
    pairs, refused = run["multiple_choice"].run(captions, ask_by(say))
    assert refused.height == 0
    assert [pair["question"] for pair in pairs["pairs"][0]] == [pair["question"] for pair in one["pairs"]]
    assert all(text.endswith(f"Write in {one['called']}.") for text in said)


@BOTH
def test_what_every_language_has_is_refused(one: dict[str, Any]):
    rows = stages(made(one["language"]))
    task = rows["question_answering"].rows(
        pl.DataFrame({"caption_id": ["c1"], "text": [one["caption"]], "task": ["question_answering"]})
    )[0]
    for pair, reason in one["bad"]:
        with pytest.raises(Exception, match=reason):
            task.accept(json.dumps({"pairs": [pair]}))
    caption = rows["caption_drafts"].rows(pl.DataFrame({"seed_id": ["s1"], "text": [one["seed"]]}))[0]
    first = sentences_in(one["caption"])[0]
    for text, reason in (
        ("The black cat sleeps on the sill of an open window in the sun, and a bowl is there.", "wrong_language"),
        (first, "too_short"), (f"**{first}**", "not_plain_text"), (first + first + first, "repetitive"),
        (first[:-1], "cut_off"),
    ):  # fmt: skip
        with pytest.raises(Exception, match=reason):
            caption.accept(text)


def test_a_source_may_have_a_language_of_its_own_and_english_asks_as_ever():
    sources = [{"name": "a", "path": "a.txt"}, {"name": "b", "path": "b.txt", "language": "es"}]
    seeds = pl.DataFrame({"seed_id": ["s1", "s2"], "text": ["a dog"] * 2, "source": ["a", "b"]})
    plain, mixed = stages(recipe())["caption_drafts"], stages(recipe(sources=sources))["caption_drafts"]
    english, spanish = (row.request(0, None).key("m", "r") for row in mixed.rows(seeds))
    assert english == plain.rows(seeds)[0].request(0, None).key("m", "r") != spanish
    assert plain.version != mixed.version


def test_two_steps_are_english_and_lengths_and_languages_are_told_by_script():
    with pytest.raises(UserError, match="options_prompt asks in English"):
        stages(made("es", options_prompt="wrong_options_small"))
    assert length_in("赤い郵便ポスト") == 4
    assert length_in("un gato negro") == 3
    assert not reads_as("The cat is on the mat of the house", "es")
    assert reads_as("Un gato en la casa", "es")
    plan = Plan("t", "lake", "m", 0, None, {}, gates_off=["b=es", *OFF])
    assert any("gates that are off" in said and "b=es" in said for said in plan_sentences(plan))
