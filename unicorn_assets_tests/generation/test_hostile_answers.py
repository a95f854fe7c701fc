"""10,000 answers of models gone wrong, through gates, schemas and tables: all are judged, none raises, none takes long.

What is accepted of them is fit for a record: it can be stored anywhere, without marks, entities, invisible characters.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

from unicorn_assets.captions.accept import accept_captions
from unicorn_assets.curation.prose import chat_mark
from unicorn_assets.generation.stage import table
from unicorn_assets.instructions.conversation import to_records
from unicorn_assets.instructions.multiple_choice.two_steps import OptionsRow
from unicorn_assets.lake.store import Lake, Made
from unicorn_assets.llm.client.drafting import Refusal, judge
from unicorn_assets.llm.journal.blocks import decode_line, encode_line
from unicorn_assets.llm.request import Answer
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Resume
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets.text import storable, visible
from unicorn_assets_tests.costs import LOOKS_SLOW_S, costs_at_most
from unicorn_assets_tests.generation.hostile_answers import CAPTION, GOOD, SEED, answers
from unicorn_assets_tests.scripted import draft_captions, recipe, write_pairs

PER_STAGE = {"caption": 3000, "multiple_choice": 2000, "question_answering": 2000, "complex_reasoning": 1500}
TWO_STEPS = 750  # each a list of questions and, for each of the few that pass, its options
DEAREST = 50
"""How many times as much as splitting it into words judging an answer may take."""
LOOSE = {"min_pairs": 1, "min_grounding": 0.5, "min_alignment": 0.3}
RECIPE = {
    "captions": {"gates": {"min_words": 10, "min_seed_overlap": 0.3, "max_words": 400}},
    "instructions": {task: {"gates": LOOSE} for task in ("multiple_choice", "question_answering", "complex_reasoning")},
}


@dataclass
class Asked:
    """An Ask whose model has gone wrong. Answers that seem to take long are judged again, beside a yardstick."""

    stage: str
    slow: list[str] = field(default_factory=list)
    judged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._say, self._options = answers(self.stage), answers("options")

    def __call__(self, rows: Iterable[Draftable[Any]]) -> Iterator[Accepted[Any] | Quarantined]:
        for row in rows:
            text, finish = next(self._options if isinstance(row, OptionsRow) else self._say)
            answer = Answer("ab" * 16, text, finish, 9, 9, 0, 0.1, 1, "m")
            kept = decode_line(answer.key, encode_line(answer))  # as the journal gives it back
            assert kept.text == text
            began = time.thread_time()
            verdict = judge(row, kept, 0, 9, LlmSettings())
            if time.thread_time() - began > LOOKS_SLOW_S and not _judged_in_time(row, kept):
                self.slow.append(text)
            self.judged += 1
            self.reasons[verdict.reason if isinstance(verdict, Refusal) else "accepted"] += 1
            if isinstance(verdict, Refusal):
                yield Quarantined(
                    row.row_id, verdict.reason, verdict.problem, text, 1, 1, "m", answer.key, 0.1, 9, Resume(1, None)
                )
            else:
                yield Accepted(row.row_id, verdict, kept, 1, 9)


def _judged_in_time(row: Draftable[Any], answer: Answer) -> bool:
    return costs_at_most(
        DEAREST, lambda: judge(row, answer, 0, 9, LlmSettings()), lambda: re.findall(r"\w+|\W", answer.text)
    )


def fit(text: str) -> bool:
    return text == storable(text) == visible(text) and chat_mark(text) is None and "&quot;" not in text


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value or ()) for text in texts(item)]


def kept(lake: Lake, name: str, shard: str, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as they come back from the lake; they are valid JSON too."""
    lake.write(name, shard, frame, Made("r", "1", {}))
    rows = lake.read(name, shard).to_dicts()
    assert pl.DataFrame(rows, schema=frame.schema).equals(frame)
    json.dumps(rows, default=str, ensure_ascii=False).encode()
    return rows


def check(asked: Asked, wanted: int) -> None:
    assert asked.judged >= wanted
    assert asked.reasons["judge_failed"] == 0, asked.reasons
    assert not asked.slow
    assert asked.reasons["accepted"] > wanted / 50, asked.reasons  # mild mutations leave good answers
    assert len(asked.reasons) >= 8


def test_captions(tmp_path):
    count = PER_STAGE["caption"]
    chosen = recipe(**RECIPE)
    seeds = pl.DataFrame(
        {"seed_id": [f"s{n}" for n in range(count)], "text": [SEED] * count, "source": "a", "domain": "open"}
    )
    asked = Asked("caption")
    drafts, refused = draft_captions(seeds, chosen, asked)
    check(asked, count)
    lake = Lake(str(tmp_path))
    assert all(fit(row["text"]) for row in kept(lake, "caption_drafts", "a", drafts))
    assert len(kept(lake, "quarantine/caption_drafts", "a", refused)) + drafts.height == count
    captions, _ = accept_captions(drafts, seeds, table("near_duplicates", []), chosen)
    kept(lake, "captions", "a", captions)


@pytest.mark.parametrize("steps", ["multiple_choice", "question_answering", "complex_reasoning", "two steps"])
def test_pairs(tmp_path, steps):
    task = "multiple_choice" if steps == "two steps" else steps
    count = TWO_STEPS if steps == "two steps" else PER_STAGE[task]
    more = {"options_prompt": "wrong_options_small", "prompt": "multiple_choice_small"} if steps == "two steps" else {}
    chosen = recipe(**{**RECIPE, "instructions": {task: {"gates": LOOSE, **more}}})
    rows = [
        {
            "caption_id": f"c{n}",
            "seed_id": f"s{n}",
            "text": CAPTION,
            "task": task,
            "source": "a",
            "domain": "open",
            "words": 40,
        }
        for n in range(count)
    ]
    captions = table(
        "captions", [{**row, "model": "m", "request_hash": "", "prompt_version": "p", "drafts": 1} for row in rows]
    )
    asked = Asked("question_answering" if steps == "two steps" else task)
    made, refused = write_pairs(task, captions, chosen, asked)
    check(asked, count)
    lake = Lake(str(tmp_path))
    stored = kept(lake, task, "a", made)
    assert all(fit(text) for row in stored for text in texts(row["pairs"]))
    assert len(kept(lake, f"quarantine/{task}", "a", refused)) + made.height == count
    records, broken = to_records(captions, {task: made})
    assert records.height == made.height
    assert broken.is_empty()
    kept(lake, "instructions", "a", records)


def test_the_good_answers_pass(tmp_path):
    del tmp_path
    chosen = recipe(**RECIPE)
    seeds = pl.DataFrame({"seed_id": ["s"], "text": [SEED]})

    def good(stage: str) -> Any:
        asked = Asked(stage)
        asked._say = iter([(GOOD[stage], "stop")])
        return asked

    drafts, _ = draft_captions(seeds, chosen, good("caption"))
    assert drafts["text"].to_list() == [CAPTION]
    for task in ("multiple_choice", "question_answering", "complex_reasoning"):
        captions = pl.DataFrame({"caption_id": ["c"], "text": [CAPTION], "task": [task]})
        made, refused = write_pairs(task, captions, chosen, good(task))
        assert [len(pairs) for pairs in made["pairs"]] == [len(json.loads(GOOD[task])["pairs"])], refused.to_dicts()
