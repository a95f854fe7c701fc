"""The columns of every table: name, type and meaning in one place.

The writers, the Dagster column metadata, the cards and the reference in docs/ all read this. Not here: checks.
"""

from dataclasses import dataclass

import polars as pl

from unicorn_assets.graph import TASK_NAMES

Dtype = pl.DataType | type[pl.DataType]

PAIR = pl.Struct({"question": pl.String, "options": pl.List(pl.String), "answer": pl.String})
TURN = pl.Struct({"from": pl.String, "value": pl.String})


@dataclass(frozen=True)
class Column:
    """One column: its type and what it holds."""

    dtype: Dtype
    about: str


_ID = {
    "seed_id": Column(pl.String, "seed the row comes from; hash of the normalised seed text"),
    "caption_id": Column(pl.String, "caption the row comes from; hash of seed_id and caption text"),
    "instruction_id": Column(pl.String, "hash of caption_id, task and conversation"),
}
_ORIGIN = {
    "model": Column(pl.String, "name and revision of the LLM"),
    "request_hash": Column(pl.String, "journal key: hash of model, messages, sampling, schema and seed"),
    "prompt_version": Column(pl.String, "name and hash of the prompt template"),
    "drafts": Column(pl.Int32, "answers asked for until one was accepted"),
}

_SEED: dict[str, Column] = {
    "seed_id": _ID["seed_id"],
    "source": Column(pl.String, "name of the source in the recipe"),
    "text": Column(pl.String, "normalised seed text"),
    "domain": Column(pl.String, "domain of the seed; 'open' when the source names none"),
    "label": Column(pl.String, "class label of a templated seed, else null"),
    "file": Column(pl.String, "file the seed was read from"),
    "row": Column(pl.Int64, "1-based row in that file"),
}
_TASK: dict[str, Column] = {
    "instruction_id": _ID["instruction_id"],
    "caption_id": _ID["caption_id"],
    "pairs": Column(pl.List(PAIR), "questions with options (multiple choice only) and answers"),
    **_ORIGIN,
}

TABLES: dict[str, dict[str, Column]] = {
    "seed_catalog": {**_SEED, "shard": Column(pl.String, "partition key the seed belongs to, for ever")},
    "seeds": _SEED,
    "caption_drafts": {
        "caption_id": _ID["caption_id"],
        "seed_id": _ID["seed_id"],
        "text": Column(pl.String, "caption text that passed the gates of stage 1"),
        "words": Column(pl.Int32, "words in the caption"),
        **_ORIGIN,
    },
    "near_duplicates": {
        "caption_id": _ID["caption_id"],
        "duplicate_of": Column(pl.String, "caption_id of the earlier caption that it repeats"),
        "kind": Column(pl.String, "exact: the same words; jaccard: similar ones; cosine: the same meaning"),
        "jaccard": Column(pl.Float64, "verified Jaccard similarity of the shingle sets, 0 to 1"),
        "cosine": Column(pl.Float64, "verified cosine of the text vectors, of kind cosine, else null"),
        "shard": Column(pl.String, "partition key of the duplicate"),
    },
    "captions": {
        "caption_id": _ID["caption_id"],
        "seed_id": _ID["seed_id"],
        "source": _SEED["source"],
        "domain": _SEED["domain"],
        "text": Column(pl.String, "caption text"),
        "words": Column(pl.Int32, "words in the caption"),
        "task": Column(pl.String, "instruction task the caption was chosen for, else null"),
        **_ORIGIN,
    },
    **dict.fromkeys(TASK_NAMES, _TASK),
    "instructions": {
        "instruction_id": _ID["instruction_id"],
        "caption_id": _ID["caption_id"],
        "seed_id": _ID["seed_id"],
        "task": Column(pl.String, f"one of {', '.join(TASK_NAMES)}"),
        "caption": Column(pl.String, "caption text, so that a record stands alone"),
        "conversations": Column(pl.List(TURN), "alternating human and gpt turns; the first carries <image>"),
        "pairs": Column(pl.Int32, "question-answer pairs in the record"),
        **_ORIGIN,
    },
    "ledger": {
        "asset": Column(pl.String, "asset that asked the LLM"),
        "shard": Column(pl.String, "partition key, or 'plan' for a sample of `unicorn plan`"),
        "state": Column(pl.String, "finished; stopped by an error; unfinished: under way, or its process was killed"),
        "started": Column(pl.Datetime("us", "UTC"), "when the making began"),
        "ended": Column(pl.Datetime("us", "UTC"), "when it ended, or was last heard of"),
        "model": Column(pl.String, "name of the LLM"),
        "calls": Column(pl.Int64, "answers that were asked for and came"),
        "attempts": Column(pl.Int64, "HTTP requests"),
        "retries": Column(pl.Int64, "requests that were sent again"),
        "from_journal": Column(pl.Int64, "answers that were there already and cost nothing"),
        "prompt_tokens": Column(pl.Int64, "of fresh answers, as the server counted"),
        "completion_tokens": Column(pl.Int64, "of fresh answers"),
        "cached_tokens": Column(pl.Int64, "prompt tokens that the server had in its cache"),
        "journal_prompt_tokens": Column(pl.Int64, "of answers from the journal, paid for earlier"),
        "journal_completion_tokens": Column(pl.Int64, "likewise"),
        "seconds": Column(pl.Float64, "server time of fresh answers, added up over parallel requests"),
        "accepted": Column(pl.Int64, "rows and further questions whose answer passed the gates"),
        "rejected": Column(pl.Int64, "answers that a gate refused"),
        "quarantined": Column(pl.Int64, "rows and further questions that were given up"),
        "repaired": Column(pl.Int64, "answers whose JSON had to be mended"),
        "cost_usd": Column(pl.Float64, "of fresh answers by the recipe's price at that time; null without one"),
    },
    "quarantine": {
        "stage": Column(pl.String, "asset that refused the row"),
        "row_id": Column(pl.String, "id of the row that was refused, or file:row where there is none yet"),
        "parent_id": Column(pl.String, "seed_id or caption_id the row was made from, else null"),
        "reason": Column(pl.String, "reason code"),
        "detail": Column(pl.String, "what exactly was wrong"),
        "raw_answer": Column(
            pl.String, "the LLM's last answer or the source text, as it came (first 4,000 characters)"
        ),
        "attempts": Column(pl.Int32, "answers asked for"),
        "model": Column(pl.String, "name and revision of the LLM, else null"),
        "request_hash": Column(pl.String, "journal key of the last answer, else null"),
        "at": Column(pl.Datetime("us", "UTC"), "when the row was refused"),
    },
}


def polars_schema(table: str) -> dict[str, Dtype]:
    """Column name to polars type of `table`."""
    return {name: column.dtype for name, column in TABLES[table].items()}
