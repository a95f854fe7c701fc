"""The recipe's sections that concern an encoder: itself, texts that it compares, real images, the move. What the recipe
is made of else: recipe.py.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unicorn_assets.recipe_parts import Name, Section, Share


class Encoder(Section):
    """The text and image encoder of stage 3; docs/encoders.md says how to choose one."""

    kind: Literal["pocket", "open_clip", "llm2clip"] = "pocket"  # pocket comes with the package, for trying out
    width: Literal["narrow", "wide", "photo"] = "narrow"  # pocket: icons, by the width of the gap; photo: real things
    # open_clip: a model name such as ViT-B-32; both: hf-hub:<id> or local-dir:<folder>. llm2clip: its text encoder
    model: str | None = None
    pretrained: str | None = None  # open_clip with a model name: pretrained tag or checkpoint file
    revision: str | None = None  # of an hf-hub: model; a commit hash makes the vectors reproducible
    adapter: str | None = None  # llm2clip: hf-hub:<id> or local-dir:<folder> of the text adapter and the image tower
    adapter_revision: str | None = None  # of an hf-hub: adapter
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a free GPU where there is one
    # Of the forward pass; vectors are stored as fp16. auto: on a GPU bf16 where it can, else fp16; on a CPU fp32
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    # Tokens per batch; texts are sorted by length first. None: 16384 on a GPU, 2048 on a CPU
    batch_tokens: Annotated[int, Field(ge=64)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "open_clip" and not self.model:
            raise ValueError(
                "encoder 'open_clip' needs 'model', for example ViT-B-32 with pretrained: laion2b_s34b_b79k"
            )
        unused = {
            "pocket": ("model", "pretrained", "revision", "adapter", "adapter_revision"),
            "open_clip": ("adapter", "adapter_revision"),
            "llm2clip": ("pretrained",),
        }[self.kind]
        if given := [key for key in unused if getattr(self, key) is not None]:
            raise ValueError(f"encoder {self.kind!r} has no {given[0]!r}")
        if self.kind == "pocket" and self.precision not in ("auto", "fp32"):
            raise ValueError("encoder 'pocket' always computes in fp32")
        for source, revision in ((self.model, self.revision), (self.adapter, self.adapter_revision)):
            if revision and source and not source.startswith("hf-hub:"):
                raise ValueError("a revision belongs to a model given as hf-hub:<id>")
        return self


class Comparison(Section):
    """Texts that are compared by vectors: at the border a verdict of half precision would be one of the machine."""

    encoder: Encoder | None = None  # that reads the texts, always in fp32; None: the recipe's own

    @model_validator(mode="after")
    def _in_full_precision(self) -> Self:
        if self.encoder is not None and self.encoder.precision not in ("auto", "fp32"):
            raise ValueError("texts are compared in fp32: leave 'precision' out of this encoder")
        return self

    def reader(self, own: Encoder) -> Encoder:
        """The encoder that reads the texts, in fp32 wherever it runs; `own` is the recipe's."""
        return (self.encoder or own).model_copy(update={"precision": "fp32"})


class NearDuplicates(Comparison):
    """Captions that repeat another one by their words, and by choice by their meaning (docs/repeats.md)."""

    threshold: Share = 0.6  # Jaccard similarity from which a caption is a near duplicate
    shingle_chars: Annotated[int, Field(ge=2, le=20)] = 5  # characters per shingle
    cosine: Annotated[float, Field(gt=0, le=1)] | None = None  # of text vectors, likewise; None: off

    @model_validator(mode="after")
    def _reads_something(self) -> Self:
        if self.encoder is not None and self.cosine is None:
            raise ValueError("near_duplicates has an encoder and no 'cosine': nothing would be read")
        return self


class Drift(Comparison):
    """Captions whose meaning has strayed from their seed's are refused (`drifted`): docs/drift.md."""

    min_cosine: Annotated[float, Field(ge=-1, le=1)]  # of the text vectors of seed and caption; less is refused


class ImageReference(Section):
    """Real images, unpaired with the captions; only their statistics are kept."""

    # pocket: the icons that come with the pocket encoder; reference: a file that `unicorn reference` made
    kind: Literal["pocket", "images", "vectors", "reference"] = "pocket"
    # images: a folder, image files, .tar or .parquet, by glob too; vectors: .safetensors, .npy or .parquet
    path: str | None = None
    name: Name | None = None  # which images these are, such as street-scenes; None: by the path, or the file's own

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind == "pocket") == (self.path is not None):
            raise ValueError(
                "image_reference needs 'path' for kind images, vectors or reference, and none for kind pocket"
            )
        return self


class Transfer(Section):
    """The move from text to image space (METHOD in docs/method.md)."""

    # Formulas in docs/method.md
    method: Literal["none", "mean_shift", "c3", "i0t", "realign", "aniso_init"] = "realign"
    passes: Annotated[int, Field(ge=1, le=10)] = 1  # realign: how often the last step is done
    passes_over: Literal["sample", "all"] = "sample"  # realign: a kept sample, or all shards, read again per pass
    noise_cosine: Annotated[float, Field(gt=0, le=1)] = 0.7  # c3: what the noise leaves; drawn when vectors are read
    file: str | None = None  # a fitted move (.safetensors) that somebody else made; its method counts then
