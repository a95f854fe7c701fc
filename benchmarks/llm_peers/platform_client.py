"""This platform's own client as a process of its own: rows through a window with journal, ledger and account, as in a
run of the graph; answers validated by pydantic. With `--stage` the requests are a stage's own, prompt and schema.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from common import PROMPT, flags, report
from pydantic import BaseModel, ConfigDict

from unicorn_assets.generation.structured import parse, schema_of
from unicorn_assets.ids import seed_of
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.client.window import Window
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.request import ChatRequest
from unicorn_assets.llm.row import Accepted, Draftable, unheard
from unicorn_assets.llm.settings import LlmSettings, Sampling
from unicorn_assets.llm.spend.budget import Account
from unicorn_assets.llm.spend.ledger import Ledger


class Caption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    caption: str
    score: int


SAMPLING = Sampling(max_tokens=200)
SCHEMA = schema_of(Caption)


class Row:
    """A benchmark row; `name` only labels it."""

    def __init__(self, row: int, name: str, prompt: str) -> None:
        self.row, self.row_id, self.prompt = row, f"{name}-{row}", prompt

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        messages = [{"role": "user", "content": f"{self.prompt} <row {self.row}>"}]
        if problem:
            messages[0]["content"] = f"{self.prompt} The last answer was wrong: {problem} <row {self.row}>"
        return ChatRequest(tuple(messages), SAMPLING, seed_of("bench", self.row, draft), SCHEMA)

    def accept(self, text: str, on_repair: Callable[[], None] = unheard) -> Caption:
        return parse(text, Caption, on_repair).value


class StageRow(Row):
    """The same row, asked as a stage of the paper's recipe asks: what a request costs there is part of the figure."""

    def __init__(self, row: int, name: str, stage: Draftable[Any]) -> None:
        super().__init__(row, name, "")
        self.stage = stage

    def request(self, draft: int, problem: str | None) -> ChatRequest:
        return self.stage.request(draft, problem)


def stage_rows(task: str, name: str, numbers: range) -> Iterator[StageRow]:
    import polars as pl  # only here: its import would count in the other figures

    from unicorn_assets.recipe_file import load_recipe
    from unicorn_assets.stages import stages

    texts = [
        f"A man in a yellow helmet digs a hole next to house <row {row}>. A shovel leans there." for row in numbers
    ]
    ids = [str(row) for row in numbers]
    parents = pl.DataFrame({"caption_id": ids, "text": texts, "task": [task] * len(ids)})
    recipe = load_recipe(Path(__file__).parents[2] / "recipes" / "unicorn-1.2m.yaml")
    for row, made in zip(numbers, stages(recipe)[task].rows(parents), strict=True):
        yield StageRow(row, name, made)


def main() -> None:
    parser = flags()
    parser.add_argument("--stage", help="such as question_answering")
    parser.add_argument("--timeout-s", type=float, default=30.0)
    parser.add_argument("--name", default="row")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--skip", type=int, default=0, help="first row's number")
    o = parser.parse_args()
    settings = LlmSettings(
        endpoint="url", model="bench", url=o.url, concurrency=o.in_flight, timeout_s=o.timeout_s, max_drafts=3
    )
    ledger, outcomes, rows = Ledger(), Counter[str](), 0
    started = time.perf_counter()
    with Journal.open(o.work) as journal, open_endpoint(settings) as endpoint, Account(Files(o.work)) as account:
        opened = time.perf_counter() - started
        numbers = range(o.skip, o.skip + o.rows)
        todo = stage_rows(o.stage, o.name, numbers) if o.stage else (Row(n, o.name, o.prompt) for n in numbers)
        with closing(Window(endpoint, journal, settings, account)) as window:
            for outcome in window.ask(list(todo), ledger.observe):
                rows += 1
                outcomes["accepted" if isinstance(outcome, Accepted) else outcome.reason] += 1
        seconds = time.perf_counter() - started
        stored = len(journal)
    report(rows, seconds, opened_s=opened, outcomes=outcomes, stored=stored, ledger=ledger.as_dict())


if __name__ == "__main__":
    main()
