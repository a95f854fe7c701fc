"""The journal: every finished answer of an LLM, stored under the hash of all that determines it, for ever.

`Journal.get` finds an answer, `Journal.put` queues one and `Journal.wait`/`subscribe` tell when it is durable. A writer
thread commits in groups: on local disk as soon as the previous fsync is done, on an object store every 64 answers or
every second. Several processes may write to one journal at once. The file format is in blocks.py, places in store.py,
look-up in keytable.py, repair and compaction in upkeep.py; docs/decisions/002-journal.md says why.
"""

from unicorn_assets.llm.journal.journal import Journal
from unicorn_assets.llm.journal.upkeep import Damage

__all__ = ["Damage", "Journal"]
