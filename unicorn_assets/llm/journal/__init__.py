"""The journal: every finished answer of an LLM, stored under the hash of all that determines it, for ever.

`Journal.get` finds an answer, `Journal.put` queues one, `Journal.flush` makes all that is queued durable. A thread
commits in groups of 64 answers or once a second; on local disk, where a commit is cheap, the engine flushes after every
turn of its loop. Several processes may write to one journal at once. The file format is in blocks.py, places in
store.py,
look-up in keytable.py, repair and compaction in upkeep.py; docs/decisions/002-journal.md says why.
"""

from unicorn_assets.llm.journal.journal import Journal
from unicorn_assets.llm.journal.upkeep import Damage

__all__ = ["Damage", "Journal"]
