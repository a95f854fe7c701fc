"""Compressed answers, unpacked no further than a limit. Here: gzip and deflate, which is all that is asked for."""

import zlib

ACCEPTED = "gzip, deflate"
MEMBERS = 16
"""A gzip stream may consist of several; a real one seldom has more than one."""


def unpack(raw: bytes, encoding: str, most: int) -> bytes | None:
    """`raw` without its Content-Encoding; None once it is known to exceed `most` bytes. Takes no more memory than
    `most`, and raises ValueError when it is not packed in that way.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return raw
    if encoding in ("gzip", "x-gzip"):
        window = 16 + zlib.MAX_WBITS
    elif encoding == "deflate":  # some servers leave the header out
        window = zlib.MAX_WBITS if raw[:1] and raw[0] & 0x0F == 8 else -zlib.MAX_WBITS
    else:
        raise ValueError("packed in a way that was not asked for")
    out = bytearray()
    for _ in range(MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            out += unpacker.decompress(raw, most + 1 - len(out))
        except zlib.error as error:
            raise ValueError("not what its Content-Encoding says") from error
        if len(out) > most:
            return None
        if not unpacker.eof:
            raise ValueError("the packed answer ends too early")
        raw = unpacker.unused_data
        if not raw or encoding == "deflate":
            return bytes(out)
    raise ValueError("packed in too many pieces")
