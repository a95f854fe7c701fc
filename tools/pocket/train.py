"""Trains a pocket encoder and writes all of its files: `python -m tools.pocket.train`.

Both towers stay frozen: MiniLM, and an image tower that was pretrained on photographs. What is trained are the heads
after them and, for the narrow width, the logit scale, by symmetric InfoNCE between a picture of a concept and one of
its captions. Several members are trained, each without another part of the concepts, and shipped as one (heads.py).
evaluate.py measures the result on a vendor not seen here.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tools.pocket.captions import described, training_captions
from tools.pocket.concepts import Concept, read_concepts
from tools.pocket.config import OPEN_CLIP_CONFIG
from tools.pocket.evaluate import write_measured
from tools.pocket.heads import LARGEST_SCALE, MEMBERS, Heads, merge
from tools.pocket.image_features import plain_features, pretrained_tower, varied_features
from tools.pocket.pictures import HELD_OUT_VENDOR, Pictures, read_pictures
from tools.pocket.text_features import Features, text_features
from unicorn_assets.encoders.pocket.files import CONFIG, WEIGHTS
from unicorn_assets.encoders.pocket.model import FROZEN, PHOTO_FEATURES, Pocket, build
from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    import torch

Rows = npt.NDArray[np.int64]

BATCH = 384
NEIGHBOURS = 4  # concepts
AVERAGING = 0.99
MEMBERS_SHARE = 0.75  # of the concepts
TEXT_DROPOUT, IMAGE_DROPOUT = 0.2, 0.5  # of the frozen towers' features
PEAK_RATE = 1e-3  # of the image head
TEXT_RATE = 1e-4  # of the text head, which starts where it should stay near: see head_start
WEIGHT_DECAY = 0.05
WARM_UP = 80  # steps, at most a fifth of all


@dataclass(frozen=True)
class Settings:
    """What a training is made of; written into metrics.json."""

    width: str = "narrow"
    seed: int = 0
    steps: int = 900  # of each member
    captions: int = 9  # per concept, from templates; its descriptions come on top
    views: int = 6  # random variations of each picture, beside the picture as it is


@dataclass(frozen=True)
class TrainingData:
    """The trained concepts' captions (concepts, captions, 384) and pictures.

    views are the photo network's features of every picture as it is and in its random variations, (pictures, 1280)
    each; thumbnails (pictures, 192) are those of the pictures as they are; rows_of names each concept's pictures.
    """

    features: Features
    views: list[Features]
    thumbnails: Features
    rows_of: list[Rows]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, train, evaluate; everything lands in --out."""
    parser = argparse.ArgumentParser(prog="python -m tools.pocket.train", description=__doc__)
    parser.add_argument("--art", type=Path, required=True, help="folder filled by scripts/train-pocket")
    parser.add_argument("--out", type=Path, required=True, help="folder for the encoder's files")
    parser.add_argument("--width", choices=["narrow", "wide"], default=Settings.width)
    for name in ("seed", "steps", "captions", "views"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings, name))
    given = parser.parse_args(arguments)
    try:
        train(given.art, given.out, Settings(given.width, given.seed, given.steps, given.captions, given.views))
    except UserError as error:
        parser.exit(2, f"{error}\n")


def train(art: Path, out: Path, settings: Settings) -> None:
    """Train on the art's pictures and write weights, config, reference, pairs, metrics and card into `out`."""
    import torch

    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    torch.manual_seed(settings.seed)
    concepts = read_concepts(art / "node_modules")
    pictures = read_pictures(art / "node_modules", concepts, art / "pictures.npz")
    say(f"{len(concepts)} concepts, {len(pictures.pixels)} pictures")
    tower = pretrained_tower(art)
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_text(json.dumps(OPEN_CLIP_CONFIG, indent=2) + "\n", encoding="utf-8")
    pocket = build(out)
    pocket.model.load_state_dict(tower, strict=False)
    data = training_data(pocket, concepts, pictures, settings, art, say)
    averaged = fit(pocket, data, settings, say)
    save(averaged, out)
    this = vars(settings) | {"seconds": round(time.monotonic() - started)}
    write_measured(out, concepts, pictures, settings.width, this, art)
    say(f"written to {out}")


def training_data(
    pocket: Pocket, concepts: list[Concept], pictures: Pictures, settings: Settings, cache: Path, say: Any
) -> TrainingData:
    """Captions and pictures of all concepts that are not held out, without the held-out vendor's pictures."""
    held_out = np.array([concept.held_out for concept in concepts])[pictures.concept]
    shown = np.flatnonzero((pictures.vendor != HELD_OUT_VENDOR) & ~held_out)
    concept_of = pictures.concept[shown]
    rows_of = [np.flatnonzero(concept_of == i) for i in np.unique(concept_of)]
    texts = [
        text
        for i in np.unique(concept_of)
        for text in (*training_captions(concepts[i], settings.captions), *described(concepts[i]))
    ]
    features = text_features(pocket, texts, cache, say).reshape(len(rows_of), len(texts) // len(rows_of), -1)
    plain = plain_features(pocket, pictures.pixels, cache, say)[shown]
    varied = varied_features(pocket, pictures.pixels[shown], settings.views, cache, say)
    say(f"{len(rows_of)} concepts are trained on, with {len(shown)} pictures and {len(texts)} captions")
    return TrainingData(features, [plain[:, :PHOTO_FEATURES], *varied], plain[:, PHOTO_FEATURES:], rows_of)


def fit(pocket: Pocket, data: TrainingData, settings: Settings, say: Any) -> dict[str, "torch.Tensor"]:
    """Train the members and put them into the model as one; all weights to ship by their names, fp32."""
    pocket.model.requires_grad_(False)
    members = [trained_member(number, data, settings, say) for number in range(MEMBERS)]
    merge(members, pocket, data.views[0], data.thumbnails)
    return {name: value for name, value in pocket.model.state_dict().items() if not name.startswith(FROZEN)}


def trained_member(number: int, data: TrainingData, settings: Settings, say: Any) -> Heads:
    """One member, trained on its share of the concepts; its weights are moving averages over the steps."""
    import torch
    from torch.nn import functional

    rng = np.random.default_rng((settings.seed, number))
    count = len(data.rows_of)
    known = np.sort(rng.permutation(count)[: max(1, round(MEMBERS_SHARE * count))])
    heads = Heads(data.features, data.views[0], data.thumbnails, wide=settings.width == "wide")
    trained = heads.trained()
    matrices = [p for p in heads.image.parameters() if p.ndim > 1]
    others = [p for p in trained if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
        {"params": [heads.text.weight], "weight_decay": 0.0, "lr": TEXT_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, settings.steps))
    averaged = [parameter.detach().clone() for parameter in trained]
    batches = concept_batches(len(known), rng)
    for step in range(settings.steps):
        chosen = known[next(batches)]
        rows = np.array([rng.choice(data.rows_of[i]) for i in chosen])
        views = rng.integers(len(data.views), size=len(chosen))
        photo = np.stack([data.views[view][row] for view, row in zip(views, rows, strict=True)])
        read = data.features[chosen, rng.integers(data.features.shape[1], size=len(chosen))]
        seen = heads.scaled(photo, data.thumbnails[rows])
        picture = heads.image(functional.dropout(seen, IMAGE_DROPOUT))
        text = heads.text(functional.dropout(torch.from_numpy(read).float(), TEXT_DROPOUT))
        logits = heads.scale.exp() * functional.normalize(picture, dim=-1) @ functional.normalize(text, dim=-1).T
        own = torch.arange(len(chosen))
        loss = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            heads.scale.clamp_(0, LARGEST_SCALE)
            for average, parameter in zip(averaged, trained, strict=True):
                average.lerp_(parameter, 1 - min(AVERAGING, step / (step + 10)))
        if step % 50 == 0 or step == settings.steps - 1:
            at = heads.scale.exp().item()
            say(f"member {number + 1} of {MEMBERS}, step {step}: loss {loss.item():.3f}, logit scale {at:.1f}")
    with torch.no_grad():
        for average, parameter in zip(averaged, trained, strict=True):
            parameter.copy_(average)
    return heads


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear warm-up, then a cosine down to 1 %."""
    warm_up = min(WARM_UP, steps // 5)
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, done))) / 2


def concept_batches(count: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Endless batches of different concepts; each pass over all of them is shuffled anew, its rest is left out.

    Concepts next to each other in Unicode's order travel together, NEIGHBOURS at a time: they are alike (a man and a
    woman doing the same, two flags), and telling them apart is what a batch of strangers would teach last.
    """
    size = min(BATCH, count)
    while True:
        blocks = np.split(np.arange(count), range(int(rng.integers(NEIGHBOURS)), count, NEIGHBOURS))
        order = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def save(state: dict[str, "torch.Tensor"], out: Path) -> None:
    """Write the weights as fp16; counters stay integers."""
    from safetensors.torch import save_file

    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    save_file(half, out / WEIGHTS, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
