"""What real images look like to the encoder: their statistics and a small sample, unpaired with any caption.

One file per kind of images: who shares it shares no image. Here: what it holds, and its bytes. Not here: making one
(building.py) or using it (transfer/, gap/).
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.vectors.packing import content_hash, finite, pack, readable, unpack, whole
from unicorn_assets.vectors.rows import Space
from unicorn_assets.vectors.statistics import Statistics

SAMPLE_ROWS = 2000

Half = NDArray[np.float16]


@dataclass(frozen=True)
class Pairs:
    """Captions and images that belong together, only for measuring: (n, d) fp16 unit rows on both sides.

    unseen (n,) bool says that the row's concept was kept out of the encoder's training.
    """

    text: Half
    image: Half
    ids: list[str]
    unseen: NDArray[np.bool_]


@dataclass(frozen=True)
class ImageReference:
    """Statistics of all images of one kind, under a name, and a sample of their vectors (at most 2,000 fp16 rows).

    The statistics hold the mean, the count and the second moment: standard error and spectrum follow from them.
    `corrupt` lists images that were set aside, at most 1,000 of `set_aside`. `source` says where the images came from.
    """

    statistics: Statistics
    sample: Half
    evaluation: Pairs | None = None
    corrupt: list[tuple[str, str]] = field(default_factory=list)  # name, reason
    set_aside: int = 0
    source: str = ""
    name: str = ""
    encoder: dict[str, Any] = field(default_factory=dict)  # window and dtype, where the images were encoded here

    @property
    def space(self) -> Space:
        """The encoder's space that all these vectors live in."""
        return self.statistics.space

    def version(self) -> str:
        """16 hexadecimal digits that change with any of the content."""
        return content_hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """One safetensors file."""
        tensors: dict[str, NDArray[Any]] = {
            "sample": self.sample,
            "statistics": np.frombuffer(self.statistics.to_bytes(), np.uint8),
        }
        statistics = self.statistics
        manifest: dict[str, Any] = {
            "name": self.name, "source": self.source, "corrupt": self.corrupt, "set_aside": self.set_aside,
            "n": statistics.n, "standard_error": statistics.standard_error, "about_encoder": self.encoder,
        }  # fmt: skip
        if pairs := self.evaluation:
            tensors |= {"pairs_text": pairs.text, "pairs_image": pairs.image, "pairs_unseen": pairs.unseen}
            manifest["pair_ids"] = pairs.ids
        return pack("image_reference", manifest | vars(self.space), tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of to_bytes; UserError when the bytes are something else."""
        about, tensors = unpack("image_reference", data)
        with readable("image_reference"):
            statistics = Statistics.from_bytes(tensors["statistics"].tobytes())
            if not statistics.n:
                raise ValueError("it is of no images")
            d = statistics.space.dimension
            finite(tensors, "sample", (None, d))
            pairs = None
            if "pair_ids" in about:
                ids = [str(one) for one in about["pair_ids"]]
                for side in ("pairs_text", "pairs_image"):
                    finite(tensors, side, (len(ids), d))
                unseen = tensors["pairs_unseen"].astype(np.bool_).reshape(len(ids))
                pairs = Pairs(tensors["pairs_text"], tensors["pairs_image"], ids, unseen)
            corrupt = [(str(name), str(reason)) for name, reason in about["corrupt"]]
            return cls(
                statistics,
                tensors["sample"],
                pairs,
                corrupt,
                set_aside=whole(about.get("set_aside", len(corrupt)), 0, 1 << 62, "set_aside"),
                source=str(about["source"]),
                name=str(about.get("name", "")),
                encoder=dict(about.get("about_encoder", {})),
            )
