"""What a release is told and what it tells: plain values, no files."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

SHAPING_PACKAGES = ("unicorn-assets", "numpy", "polars", "pyarrow", "torch", "open_clip_torch", "transformers")


@dataclass(frozen=True)
class ReleaseFacts:
    """What the card needs and the lake's tables do not hold. All of it enters the version: keep times out."""

    encoder: str  # name of the text and image encoder
    encoder_revision: str
    dimension: int  # of one embedding
    transfer: str  # method and its parameters, such as "realign, 1 pass"
    transfer_version: str = ""  # of the fitted move; with it the pretraining release ships transfer.safetensors
    moves_images: bool = False  # real images must be moved too before they meet these embeddings
    noise_cosine: float | None = None  # what c3's noise leaves; whoever trains adds it, the files hold none
    gap_before: Mapping[str, float] = field(default_factory=dict)  # metric -> value, text against real images
    gap_after: Mapping[str, float] = field(default_factory=dict)  # metric -> value, transferred against real images
    gap_interval: Mapping[str, tuple[float, float]] = field(
        default_factory=dict
    )  # metric -> 95 % interval of gap_after
    packages: Mapping[str, str] = field(default_factory=dict)  # package -> version; see package_versions
    licenses: Mapping[str, str] = field(default_factory=dict)  # source -> licence of its texts
    limits: Sequence[str] = ()  # known limits beyond those that every release has

    def __post_init__(self) -> None:
        # A metric that too few rows make undefined is left out: JSON knows no NaN.
        for name in ("gap_before", "gap_after"):
            measured = {metric: value for metric, value in getattr(self, name).items() if math.isfinite(value)}
            object.__setattr__(self, name, measured)
        known = {
            m: ends for m, ends in self.gap_interval.items() if m in self.gap_after and all(map(math.isfinite, ends))
        }
        object.__setattr__(self, "gap_interval", known)


@dataclass(frozen=True)
class ReleaseFile:
    """One file of a release as its manifest lists it. `rows` is None for the card."""

    bytes: int
    sha256: str
    rows: int | None


@dataclass(frozen=True)
class ReleaseInfo:
    """A release: where it is and what it holds. `created` is False when this version was there already."""

    asset: str
    version: str
    path: str
    rows: int
    files: Mapping[str, ReleaseFile]
    created: bool


def package_versions(names: Sequence[str] = SHAPING_PACKAGES) -> dict[str, str]:
    """Versions of the packages that shape the data, those that are not installed left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
