"""Texts on disk, by number: room for a corpus beside an index that must stay small."""

from __future__ import annotations

import tempfile
from array import array


class Spool:
    """Append texts to an unnamed temporary file and read any of them back; 8 bytes of memory per text."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="unicorn-")  # noqa: SIM115 - closed by close()
        self._starts = array("Q", [0])

    def __len__(self) -> int:
        return len(self._starts) - 1

    def append(self, text: str) -> int:
        """Store `text`; returns its number."""
        data = text.encode("utf-8", "surrogatepass")
        self._file.seek(self._starts[-1])
        self._file.write(data)
        self._starts.append(self._starts[-1] + len(data))
        return len(self) - 1

    def read(self, number: int) -> str:
        """The text with this number."""
        start, end = self._starts[number], self._starts[number + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
