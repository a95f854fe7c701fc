"""What happens during a run, for progress bars, logs and the ledger. Values only."""

from dataclasses import dataclass
from typing import Literal

from unicorn_assets.llm.request import Answer

Kind = Literal[
    "answer", "accepted", "rejected", "quarantined", "retry", "failed", "repaired", "slowed", "left", "returned",
    "taken_up",
]  # fmt: skip


@dataclass(slots=True)
class Event:
    """`answer`: one is there, fresh or from the journal, and is judged next: `accepted`, or `rejected` by a gate
    (`reason`, `detail`); `quarantined`: a row is given up; `retry`: a transport attempt failed and is made again;
    `failed`: the last one failed; `repaired`: an answer's JSON was mended; `slowed`, `left`, `returned`: of a server;
    `taken_up`: a row that had its outcome gets a further draft (`reason` of its quarantine; empty if it was accepted).
    """

    kind: Kind
    row_id: str = ""
    reason: str = ""
    detail: str = ""
    answer: Answer | None = None
    in_flight: int = 0
