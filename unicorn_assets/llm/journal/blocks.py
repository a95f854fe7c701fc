"""The bytes of a journal part: a header, self-checking blocks of answers and, once it is closed, a seal.

Block = magic (4), answers (u32), payload length (u32), CRC-32 of keys and payload (u32), keys (16 bytes each), payload.
The payload is zlib-compressed JSON lines, one answer a line, in the order of the keys. Little endian throughout.
Seal = magic (4), blocks (u32), answers (u32), CRC-32 of all block heads (u32). The header of a closed part says that a
seal must follow, so a closed part that lost its end is recognised wherever it was cut. Reading never trusts a length
before the checksum agrees. No files here, only bytes.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import PydanticSerializationError, to_json

from unicorn_assets.llm.request import Answer, token_count

PART_HEADER = b"UNICORN-JOURNAL1"
"""Of a part that may still grow."""
CLOSED_HEADER = b"UNICORN-JOURNAL2"
"""Of a part that is complete and ends with a seal."""
BLOCK_MAGIC = b"\xb1\x0cJ1"
SEAL_MAGIC = b"\xb1\x0cS1"
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


@dataclass(slots=True)
class Seal:
    """What a seal says about the blocks before it; add them in their order."""

    blocks: int = 0
    answers: int = 0
    crc: int = 0

    def add(self, block: bytes | memoryview) -> None:
        """Count a block; only its head is read."""
        self.blocks += 1
        self.answers += BLOCK_HEAD.unpack_from(block)[1]
        self.crc = zlib.crc32(block[: BLOCK_HEAD.size], self.crc)

    def encode(self) -> bytes:
        """The 16 bytes at the end of a closed part."""
        return BLOCK_HEAD.pack(SEAL_MAGIC, self.blocks, self.answers, self.crc)


@dataclass(frozen=True, slots=True)
class Contents:
    """A part's good blocks from its start. `closed`: sealed, and whole. `growing`: whole so far, not sealed. A part
    that is neither is damaged.
    """

    blocks: list[Block]
    seal: bytes
    closed: bool
    growing: bool


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
    """The answer of `encode_line`, marked as coming from the journal. Counts that cannot be are 0."""
    text, finish, prompt, completion, cached, seconds, attempts, model = json.loads(line)
    prompt, completion, cached = (token_count(count) or 0 for count in (prompt, completion, cached))
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


def contents(part: bytes) -> Contents:
    """Read a part from end to end."""
    if not part.startswith((PART_HEADER, CLOSED_HEADER)):
        return Contents([], b"", closed=False, growing=False)
    seal, blocks, end = Seal(), [], len(PART_HEADER)
    for block in prefix_blocks(part):
        seal.add(part[block.offset : block.offset + BLOCK_HEAD.size])
        blocks.append(block)
        end = block.offset + block.size
    expected = seal.encode()
    closed = part.startswith(CLOSED_HEADER) and part[end:] == expected
    growing = part.startswith(PART_HEADER) and part[end:] in (b"", expected)  # its writer died just before closing it
    return Contents(blocks, expected, closed, growing)


def closed_part(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a complete part made of encoded blocks."""
    seal = Seal()
    yield CLOSED_HEADER
    for block in blocks:
        seal.add(block)
        yield block
    yield seal.encode()


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
