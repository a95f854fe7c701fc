"""What becomes of an answer: thoughts and ends of turns go, no answer is told as such, and nothing stops a run."""

import pytest

from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Rejected
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets_tests.llm.rows import Row


def answer(text: str, finish_reason: str = "stop") -> Answer:
    return Answer("k", text, finish_reason, 9, 9, 0, 0.1, 1, "m")


class Says(Row):
    """Takes every answer as it is, or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__(1)
        self.error = error

    def accept(self, text: str, _on_repair=None) -> str:
        if self.error is not None:
            raise self.error
        return text


def verdict(text: str, finish_reason: str = "stop", error: BaseException | None = None) -> str | Refusal:
    return judge(Says(error), answer(text, finish_reason), 0, 9, LlmSettings())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A dog sits.", "A dog sits."),
        ("<think>\nA cat? {} No.\n</think>\n\nA dog sits.", "A dog sits."),
        ("So I think first.\n</think>\n\nA dog sits.", "A dog sits."),
        ("<think>a</think> b <think>c</think> A dog sits.", "A dog sits."),
        ("<Thinking>a</Thinking>A dog sits.", "A dog sits."),
        ("[THINK]a[/THINK]A dog sits.", "A dog sits."),
        ("<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>A dog sits.<|return|>", "A dog sits."),
        ("A dog sits.</s>", "A dog sits."),
        ("A dog sits.<|im_end|>\n<|endoftext|>\n", "A dog sits."),
        ("A dog</s> sits.", "A dog</s> sits."),  # for a gate
        ("A dog\0 sits \ud83d.", "A dog sits \ufffd."),
    ],
)  # fmt: skip
def test_what_is_judged(text, said):
    assert verdict(text) == said


@pytest.mark.parametrize(
    ("text", "finish", "reason", "told"),
    [
        ("<think>A cat or a dog", "length", "only_reasoning", "--reasoning-parser"),
        ("<think>a</think> b <think>c", "stop", "only_reasoning", "--reasoning-parser"),
        ("I can't help with that.", "refusal", "model_refused", "I can't help with that."),
        ("half a sen", "content_filter", "content_filter", "content filter"),
        ('[{"function": {}}]', "tool_calls", "tool_call", "tool"),
        ("So I think", "only_reasoning", "only_reasoning", "max_tokens"),
        ("x" * 70_000, "stop", "too_long", "70,000"),
    ],
)
def test_what_is_no_answer_is_a_refusal_in_words(text, finish, reason, told):
    found = verdict(text, finish)
    assert (found.reason, found.again) == (reason, True)
    assert told in found.problem


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_what_the_token_limit_takes_away_is_told_as_such(finish):
    assert verdict("a", finish, Rejected("not_json", "No.")).reason == "cut_off"
    assert verdict("a", finish, Rejected("person", "No.")).reason == "person"
    assert verdict("a", "stop", Rejected("not_json", "No.")).reason == "not_json"


def test_a_full_stop_at_the_limit_may_stand_inside_a_number_or_a_name():
    assert verdict("A dog sits. It is 2.", "length") == "A dog sits. It is 2"
    assert verdict("A dog sits near St.", "length") == "A dog sits near St"
    assert verdict("A dog sits.", "length") == "A dog sits."
    assert verdict("It is 2.") == "It is 2."


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


UNENCODABLE = UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no")


@pytest.mark.parametrize(
    "error",
    [RecursionError("deep"), KeyError("x"), UNENCODABLE, ValueError(), MuteError(), IndexError("\x1b[31m")],
)
def test_whatever_judging_raises_is_a_refusal(error):
    found = verdict("a", error=error)
    assert found.reason == "judge_failed"
    assert type(error).__name__ in found.problem
    assert "\x1b" not in found.problem


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit()])
def test_what_ends_a_process_is_not_swallowed(error):
    with pytest.raises(type(error)):
        verdict("a", error=error)


def test_a_problem_can_be_stored_and_is_not_endless():
    found = verdict("a", error=Rejected("odd", "\ud800" + "x" * 9000))
    found.problem.encode()
    assert len(found.problem) == 4000
