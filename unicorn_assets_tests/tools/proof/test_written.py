"""The server in an LLM's place, and which captions and questions a concept has."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tools.pocket.concepts import Concept
from tools.proof.questions import questions
from tools.proof.written import look_up_server, seeds_of, sentence


def concept(label: str, group: str = "food", family: str = "") -> Concept:
    return Concept(label.replace(" ", "-"), label, (), group, "", family or label)


def test_the_server_says_what_is_written_and_nothing_else() -> None:
    with look_up_server(seeds_of(concept("red apple"), with_descriptions=False)) as url:

        def ask(seed: str) -> str:
            messages = [{"role": "system", "content": "red pear"}, {"role": "user", "content": seed}]
            body = json.dumps({"messages": messages}).encode()
            with urlopen(Request(f"{url}/v1/chat/completions", body)) as answer:
                return json.load(answer)["choices"][0]["message"]["content"]

        assert ask("red apple\n") == "A red apple."
        with pytest.raises(HTTPError, match="400"):
            ask("red pear")


def test_wrong_captions_are_of_the_group_of_other_families_and_of_the_same_part() -> None:
    food = [concept(f"dish {number}", family=f"dish {number // 2}") for number in range(40)]
    tools = [concept(f"tool {number}", "tools") for number in range(40)]
    everything = [*food, *tools]
    trained = {one.hexcode for one in everything if not one.held_out} - {food[3].hexcode}
    pictured = {one.hexcode for one in everything} - {food[5].hexcode}
    asked = questions(everything, pictured, trained, 20)
    assert asked == questions(everything, pictured, trained, 20), "the same every time"
    assert sum(one.part == "trained" for one in asked) == 20
    assert {one.concept for one in asked if one.part == "held_out"} == {
        one.hexcode for one in everything if one.held_out and one.hexcode in pictured
    }
    by_sentence = {sentence(one): one for one in everything}
    for question in asked:
        right, *wrong = (by_sentence[caption] for caption in question.captions)
        assert right.hexcode == question.concept
        assert len({one.hexcode for one in wrong}) == 3
        for one in wrong:
            assert (one.group, one.held_out) == (right.group, right.held_out)
            assert one.family != right.family
            assert one.held_out or one.hexcode in trained
