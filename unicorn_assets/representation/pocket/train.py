"""Trains a pocket encoder and writes all of its files: `python -m unicorn_assets.representation.pocket.train`.

Symmetric InfoNCE between a picture of a concept and one of its captions. MiniLM stays frozen; its head, the image
tower and, for the narrow width, the logit scale are trained. evaluate.py measures the result on a vendor not seen here.
"""

import argparse
import json
import math
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unicorn_assets.errors import UserError
from unicorn_assets.representation.pocket.augment import augment
from unicorn_assets.representation.pocket.captions import training_captions
from unicorn_assets.representation.pocket.concepts import Concept, read_concepts
from unicorn_assets.representation.pocket.evaluate import write_measured
from unicorn_assets.representation.pocket.files import CONFIG, WEIGHTS, read_metrics, revision
from unicorn_assets.representation.pocket.model import FROZEN, IMAGE_SIZE, OPEN_CLIP_CONFIG, Pocket, build, load
from unicorn_assets.representation.pocket.optimize import Optimizer
from unicorn_assets.representation.pocket.pictures import HELD_OUT_VENDOR, Pictures, read_pictures
from unicorn_assets.representation.pocket.text_features import Features, head_start, text_features

if TYPE_CHECKING:
    import torch

WIDE_SCALE = 100.0  # the logit scale at which CLIP ends; keeps the two sides far apart
BATCH = 192
NEIGHBOURS = 4  # concepts
AVERAGING = 0.99
DROPOUT = 0.1  # of MiniLM's features


@dataclass(frozen=True)
class Settings:
    """What one round of training is made of; written into metrics.json."""

    width: str = "narrow"
    seed: int = 0
    steps: int = 1500
    captions: int = 9  # per concept
    start: str = ""  # revision of the weights that training went on from; empty: from random ones


@dataclass(frozen=True)
class TrainingData:
    """The trained concepts' captions (concepts, captions, 384) and pictures; rows_of names each concept's pictures."""

    features: Features
    pixels: npt.NDArray[np.uint8]
    rows_of: list[npt.NDArray[np.int64]]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, train, evaluate; everything lands in --out."""
    parser = argparse.ArgumentParser(prog="python -m unicorn_assets.representation.pocket.train", description=__doc__)
    parser.add_argument(
        "--art", type=Path, required=True, help="folder with node_modules, made by scripts/train-pocket"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the encoder's files")
    parser.add_argument("--width", choices=["narrow", "wide"], default=Settings.width)
    for name in ("seed", "steps", "captions"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings, name))
    parser.add_argument("--start", type=Path, help="folder of a trained encoder to go on from")
    given = parser.parse_args(arguments)
    try:
        start = revision(given.start) if given.start else ""
        settings = Settings(given.width, given.seed, given.steps, given.captions, start)
        train(given.art, given.out, settings, given.start)
    except UserError as error:
        parser.exit(2, f"{error}\n")


def train(art: Path, out: Path, settings: Settings, start: Path | None = None) -> None:
    """Train on the art's pictures and write weights, config, reference, pairs, metrics and card into `out`.

    `start` is the folder of an encoder to go on from, with a learning rate that rises and falls once more.
    """
    import torch

    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {line}", flush=True)

    torch.manual_seed(settings.seed)
    concepts = read_concepts(art / "node_modules")
    pictures = read_pictures(art / "node_modules", concepts, art / "pictures.npz")
    say(f"{len(concepts)} concepts, {len(pictures.pixels)} pictures")
    out.mkdir(parents=True, exist_ok=True)
    config = deepcopy(OPEN_CLIP_CONFIG)
    (out / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    pocket = load(settings.width, folder=start) if start else build(out)
    data = training_data(pocket, concepts, pictures, settings, art, say)
    if not start:
        pocket.model.text.proj.load_state_dict({"weight": head_start(data.features)})
    averaged = fit(pocket, data, settings, say)
    save(averaged, out)
    this_round = vars(settings) | {"seconds": round(time.monotonic() - started)}
    rounds = [*(read_metrics(start)["rounds"] if start else []), this_round]
    write_measured(out, concepts, pictures, settings.width, rounds, art)
    say(f"written to {out}")


def training_data(
    pocket: Pocket, concepts: list[Concept], pictures: Pictures, settings: Settings, cache: Path, say: Any
) -> TrainingData:
    """Captions and pictures of all concepts that are not held out, without the held-out vendor's pictures."""
    trained = pictures.vendor != HELD_OUT_VENDOR
    rows_of, texts = [], []
    for i, concept in enumerate(concepts):
        rows = np.flatnonzero(trained & (pictures.concept == i))
        if not concept.held_out and len(rows):
            rows_of.append(rows)
            texts += training_captions(concept, settings.captions)
    features = text_features(pocket, texts, cache, say).reshape(len(rows_of), settings.captions, -1)
    say(f"{len(rows_of)} concepts are trained on, with {sum(map(len, rows_of))} pictures and {len(texts)} captions")
    return TrainingData(features, pictures.pixels, rows_of)


def fit(pocket: Pocket, data: TrainingData, settings: Settings, say: Any) -> dict[str, "torch.Tensor"]:
    """Train in place; the moving average of all trained weights by their names, fp32."""
    import torch
    from torch.nn import functional

    rng, generator = np.random.default_rng(settings.seed), torch.Generator().manual_seed(settings.seed)
    model = pocket.model.train()
    model.text.transformer.requires_grad_(False)
    if settings.width == "wide":
        model.logit_scale.requires_grad_(False).fill_(math.log(WIDE_SCALE))
    optimizer = Optimizer(model, settings.steps)
    averaged = {name: value.clone() for name, value in shipped_state(model).items()}
    batches = concept_batches(len(data.rows_of), rng)
    for step in range(settings.steps):
        chosen = next(batches)
        rows = [int(rng.choice(data.rows_of[i])) for i in chosen]
        captions = data.features[chosen, rng.integers(settings.captions, size=len(chosen))]
        images = augment(torch.from_numpy(data.pixels[rows]), generator, IMAGE_SIZE)
        with torch.autocast("cpu", torch.bfloat16):  # faster where the processor has bf16 instructions
            picture = model.visual(images.contiguous(memory_format=torch.channels_last))
        picture = functional.normalize(picture.float(), dim=-1)
        read = functional.dropout(torch.from_numpy(captions).float(), DROPOUT)
        text = functional.normalize(model.text.proj(read), dim=-1)
        logits = model.logit_scale.exp() * picture @ text.T
        own = torch.arange(len(chosen))
        loss = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
        optimizer.step(loss)
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
            for name, value in shipped_state(model).items():
                if value.is_floating_point():
                    averaged[name].lerp_(value, 1 - min(AVERAGING, step / (step + 10)))
        if step % 50 == 0 or step == settings.steps - 1:
            say(f"step {step}: loss {loss.item():.3f}, logit scale {model.logit_scale.exp().item():.1f}")
    return averaged


def concept_batches(count: int, rng: np.random.Generator) -> Any:
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


def shipped_state(model: Any) -> dict[str, "torch.Tensor"]:
    """Everything but MiniLM's frozen weights."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith(FROZEN)}


def save(state: dict[str, "torch.Tensor"], out: Path) -> None:
    """Write the weights as fp16; counters stay integers."""
    from safetensors.torch import save_file

    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    save_file(half, out / WEIGHTS, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
