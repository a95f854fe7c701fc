"""Vectors of a release by id, for the training code of the Unicorn paper. Needs numpy only; goes to bunny/util/.

The file `embeddings.safetensors` lies beside the records: 8 bytes of length, a JSON header, `vectors` (rows, dimension)
float16, `ids` (rows, width) zero-padded bytes. It is mapped, so that ranks and workers share one copy.
"""

import json
import os
from pathlib import Path

import numpy as np

NAME = "embeddings.safetensors"


class VectorStore:
    """`vector(id)` gives float32 (dimension,); KeyError names an id that has none."""

    def __init__(self, path):
        self.path = str(path)
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        self.rows, self.dimension = header["vectors"]["shape"]
        start = 8 + length
        self._vectors = (start + header["vectors"]["data_offsets"][0], (self.rows, self.dimension))
        width = header["ids"]["shape"][1]
        with Path(path).open("rb") as file:
            file.seek(start + header["ids"]["data_offsets"][0])
            ids = np.frombuffer(file.read(self.rows * width), f"S{width}")
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        self._map = None

    @classmethod
    def beside(cls, data_path):
        """The store of the release that this file of records is of."""
        return cls(Path(data_path).resolve().parent / NAME)

    def vector(self, record_id):
        name = str(record_id).encode()
        place = int(np.searchsorted(self._ids, name))
        if place == len(self._ids) or self._ids[place] != name:
            raise KeyError(f"{self.path} has no vector for the record {record_id!r}")
        if self._map is None:
            offset, shape = self._vectors
            self._map = np.memmap(self.path, "<f2", "r", offset, shape)
        return np.asarray(self._map[self._order[place]], dtype=np.float32)

    def __getstate__(self):
        return {**self.__dict__, "_map": None}


def dimension(data_path):
    """Numbers in a vector of the release that this file of records is of."""
    return VectorStore.beside(data_path).dimension


def image_tokens():
    """How often the one vector is repeated: UNICORN_IMAGE_TOKENS, the paper's 576 by default."""
    return int(os.environ.get("UNICORN_IMAGE_TOKENS", "576"))
