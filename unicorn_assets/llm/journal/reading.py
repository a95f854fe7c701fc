"""All answers of a journal, one after the other, without opening it: nothing is locked, mended or set aside.

Not here: an answer by its key (journal.py).
"""

from collections.abc import Iterator

from unicorn_assets.llm.journal.blocks import decode_line, key_list, lines_of, readable_blocks
from unicorn_assets.llm.journal.store import PART_SUFFIX, Store
from unicorn_assets.llm.request import Answer


def answers(store: Store) -> Iterator[Answer]:
    """Every answer that can be read, in the order of writing; one that is stored twice comes once per part."""
    names = sorted(name for name in store.listing() if name.endswith(PART_SUFFIX))
    for _, data in store.read_many(names):
        for block in readable_blocks(data):
            lines = lines_of(data[block.offset : block.offset + block.size])
            for key, line in zip(key_list(block), lines, strict=True):
                yield decode_line(key.hex(), line)
