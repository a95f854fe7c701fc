"""What the lake holds after scripts/test_vllm.py: an outcome per row, answers that fit their schemas, none twice."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl

from unicorn_assets.graph import TASK_NAMES
from unicorn_assets.lake.store import Lake
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.row import Accepted, Draftable, Quarantined, Rejected, problem_of
from unicorn_assets.recipe_file import load_recipe
from unicorn_assets.stages import stages
from unicorn_assets.terminal.report import gather


def look(work: Path, answered: int, in_flight: int, report: Callable[[bool, str], None]) -> None:
    """Compare the lake with the `answered` chat completions that vLLM sent; `in_flight` could be lost by the kills."""
    recipe = load_recipe(work / "recipe.yaml")
    lake = Lake(str(work / "home" / "lake"))
    found = gather(lake)
    rows = {name: (table.rows, sum(table.quarantined.values())) for name, table in found.tables.items()}
    seeds = rows["seeds"][0]
    made, refused = rows["caption_drafts"]
    report(made + refused == seeds, f"stage 1: {seeds} seeds = {made} captions + {refused} quarantined")
    captions = lake.read_many("captions", found.wanted_shards)
    for task in TASK_NAMES:
        wanted = captions.filter(pl.col("task") == task).height
        made, refused = rows[task]
        report(made + refused == wanted, f"stage 2, {task}: {wanted} captions = {made} records + {refused} quarantined")

    endpoint = open_endpoint(recipe.llm, base=recipe.folder)
    with Journal.open(lake.url) as journal:
        report(
            0 <= answered - len(journal) <= in_flight,
            f"vLLM sent {answered} answers, the journal holds {len(journal)}: {answered - len(journal)} asked twice "
            f"(at most {in_flight} were in flight at the two kills)",
        )
        said: dict[str, list[bool]] = {"valid": [], "cut off": []}

        def ask(questions: Iterable[Draftable[Any]]) -> Iterator[Accepted[Any] | Quarantined]:
            for row in questions:
                yield replay(row, journal, endpoint.model, endpoint.revision, recipe.llm.max_drafts, said)

        for task in TASK_NAMES:
            stages(recipe)[task].run(captions, ask)
    report(
        bool(said["valid"]) and all(said["valid"]),
        f"{sum(said['valid'])} of {len(said['valid'])} finished structured answers fit their JSON schema; "
        f"{len(said['cut off'])} were cut off at the token limit",
    )


def replay(
    row: Draftable[Any], journal: Journal, model: str, revision: str, max_drafts: int, said: dict[str, list[bool]]
) -> Accepted[Any] | Quarantined:
    """The row's outcome from stored answers, as the engine finds it; each answer is held against its schema."""
    problem, verdict = None, Rejected("nothing", "no draft")
    for draft in range(max_drafts):
        request = row.request(draft, problem)
        answer = journal.get(request.key(model, revision))
        assert answer is not None, f"the journal lacks an answer of {row.row_id}"
        if answer.cut_off:
            said["cut off"].append(True)
        elif request.schema is not None:
            said["valid"].append(fits(answer.text, request.schema))
        try:
            return Accepted(row.row_id, row.accept(answer.text), answer, draft + 1)
        except Rejected as error:
            verdict, problem = error, problem_of(error, answer)
    return Quarantined(row.row_id, verdict.reason, verdict.detail, "", max_drafts, 1, model, "", 0.0)


def fits(text: str, schema: dict[str, Any]) -> bool:
    """Whether a text is JSON that the schema allows."""
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True
