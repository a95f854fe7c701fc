"""What happens during a run, for progress bars, logs and the ledger. Values only."""

from dataclasses import dataclass
from typing import Literal

from unicorn_assets.llm.request import Answer

Kind = Literal["answer", "accepted", "rejected", "quarantined", "retry", "slowed", "left", "returned"]


@dataclass(slots=True)
class Event:
    """`answer`: one is there, fresh or from the journal, and is judged next: `accepted`, or `rejected` by a gate
    (`reason`, `detail`); `quarantined`: a row is given up; `retry`: a transport attempt failed; `slowed`, `left`,
    `returned`: about a server.
    """

    kind: Kind
    row_id: str = ""
    reason: str = ""
    detail: str = ""
    answer: Answer | None = None
    in_flight: int = 0
