"""The bytes of a journal part: a header, then self-checking blocks of answers.

Block = magic (4), answers (u32), payload length (u32), CRC-32 of keys and payload (u32), keys (16 bytes each), payload.
The payload is zlib-compressed JSON lines, one answer a line, in the order of the keys. Little endian throughout.
Reading never trusts a length before the checksum agrees. No files here, only bytes.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import PydanticSerializationError, to_json

from unicorn_assets.llm.request import Answer

PART_HEADER = b"UNICORN-JOURNAL1"
BLOCK_MAGIC = b"\xb1\x0cJ1"
BLOCK_HEAD = struct.Struct("<4sIII")
KEY_BYTES = 16
MAX_BLOCK_ANSWERS = 1 << 16
MAX_BLOCK_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Block:
    """A verified block inside a part: `offset` and `size` in bytes, `keys` as raw bytes (16 per answer)."""

    offset: int
    size: int
    keys: bytes


def encode_line(answer: Answer) -> bytes:
    """One answer as a JSON array on one line (the key is kept beside it, not in it)."""
    fields = [
        answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens,
        round(answer.seconds, 4), answer.attempts, answer.model,
    ]  # fmt: skip
    try:
        return to_json(fields)
    except PydanticSerializationError:  # half of a surrogate pair; JSON's escapes can keep it
        return json.dumps(fields).encode("ascii")


def decode_line(key: str, line: bytes) -> Answer:
    """The answer of `encode_line`, marked as coming from the journal."""
    text, finish, prompt, completion, cached, seconds, attempts, model = json.loads(line)
    return Answer(key, text, finish, prompt, completion, cached, seconds, attempts, model, from_journal=True)


def encode_block(keys: Sequence[bytes], lines: Sequence[bytes]) -> bytes:
    """A block ready to be appended; `keys[i]` belongs to `lines[i]`."""
    packed = b"".join(keys)
    payload = zlib.compress(b"\n".join(lines), 1)
    return (
        BLOCK_HEAD.pack(BLOCK_MAGIC, len(keys), len(payload), zlib.crc32(payload, zlib.crc32(packed)))
        + packed
        + payload
    )


def block_at(part: bytes | memoryview, offset: int) -> Block | None:
    """The block that starts at `offset`, or None if its bytes are damaged or not all there."""
    if offset + BLOCK_HEAD.size > len(part):
        return None
    magic, count, length, crc = BLOCK_HEAD.unpack_from(part, offset)
    start = offset + BLOCK_HEAD.size
    end = start + count * KEY_BYTES + length
    if magic != BLOCK_MAGIC or not 0 < count <= MAX_BLOCK_ANSWERS or length > MAX_BLOCK_BYTES or end > len(part):
        return None
    if zlib.crc32(part[start:end]) != crc:
        return None
    return Block(offset, end - offset, bytes(part[start : start + count * KEY_BYTES]))


def lines_of(block: bytes) -> list[bytes]:
    """The JSON lines of a whole block's bytes; raises ValueError when they do not pass the checks."""
    found = block_at(block, 0)
    if found is None:
        raise ValueError("damaged block")
    payload = zlib.decompress(block[BLOCK_HEAD.size + len(found.keys) : found.size])
    lines = payload.split(b"\n")
    if len(lines) * KEY_BYTES != len(found.keys):
        raise ValueError("block with a wrong number of answers")
    return lines


def prefix_blocks(part: bytes | memoryview, offset: int = len(PART_HEADER)) -> Iterator[Block]:
    """The unbroken run of good blocks from `offset`; it ends silently at the first byte that is not one."""
    while (block := block_at(part, offset)) is not None:
        yield block
        offset += block.size


def readable_blocks(part: bytes) -> Iterator[Block]:
    """Every good block anywhere in a damaged part, found by its magic."""
    offset = 0
    while (offset := part.find(BLOCK_MAGIC, offset)) >= 0:
        block = block_at(part, offset)
        if block is None:
            offset += 1
        else:
            yield block
            offset += block.size


def key_list(block: Block) -> list[bytes]:
    """The keys of a block, 16 bytes each."""
    return [block.keys[i : i + KEY_BYTES] for i in range(0, len(block.keys), KEY_BYTES)]
