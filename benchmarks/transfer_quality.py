"""The test that matters for stage 3: a probe trained on transferred text vectors alone, tested on real image vectors.

    python benchmarks/transfer_quality.py --json [--encoders DIR] [--art DIR] [--sweep]
    python benchmarks/transfer_quality.py --photo --json [--stamps DIR]

For both gap widths and five trainings of the pocket encoder each: accuracy at naming a picture's group, by transfer
method, with 95 % intervals over the trainings, beside the same probe trained on real pictures. docs/transfer-quality.md
fixes the recipe, gives its reasons and publishes the tables. ART is the folder that scripts/train-pocket fetched;
encoders that are missing in DIR are trained there first (half a minute each, after 10 minutes for the towers). What an
encoder answered is kept in its folder, so that a run that was cut off goes on; --fresh asks again
(after a change of the moves). --photo asks the photo width about pictures of real things instead (Debian's stamps).
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small layers lose time on more
sys.path.insert(0, str(Path(__file__).parent / "stamps"))
sys.path.insert(0, str(Path(__file__).parent / "probe"))
from conditions import conditions
from material import World, encode
from methods import METHODS, ask_encoder
from photo_table import photo_table
from pictures import STAMPS, Stamps
from sweep import sweep
from table import as_markdown, photo_rows, summary
from vectors import anchors, encoded

from tools.pocket.train import Settings, train
from unicorn_assets.encoders.fingerprint import file_hash
from unicorn_assets.encoders.pocket.files import WEIGHTS

WIDTHS = ("narrow", "wide")
ASKING = ("material", "methods", "probe", "conditions")  # modules that decide an encoder's answers
HOME = Path(os.environ.get("UNICORN_HOME", ".unicorn"))


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def encoder_folder(encoders: Path, art: Path, width: str, seed: int) -> Path:
    """Folder of this training of the encoder; trained now when it is not there."""
    folder = encoders / f"{width}-{seed}"
    if not (folder / WEIGHTS).is_file():
        say(f"training {folder}")
        train(art, folder, Settings(width=width, seed=seed))
    return folder


def answers(world: World, folder: Path, seed: int, fresh: bool) -> dict[str, Any]:
    """Conditions and accuracies of one encoder, from its folder where the same benchmark left them."""
    kept = folder / "probe.json"
    code = b"".join((Path(__file__).parent / "probe" / f"{name}.py").read_bytes() for name in ASKING)
    key = [file_hash(folder / WEIGHTS), seed, hashlib.sha256(code).hexdigest()]
    if kept.is_file() and not fresh:
        found: dict[str, Any] = json.loads(kept.read_text())
        if found["key"] == key:
            return found
    material = encode(world, folder)
    found = {"key": key, "conditions": conditions(world, material), "asked": ask_encoder(world, material, seed)}
    kept.write_text(json.dumps(found))
    return found


def measure(encoders: Path, art: Path, seeds: int, fresh: bool) -> dict[str, Any]:
    """Every figure of the benchmark but the sweep."""
    world = World.read(art)
    found: dict[str, Any] = {}
    for width in WIDTHS:
        asked, measured = [], []
        for seed in range(seeds):
            folder = encoder_folder(encoders, art, width, seed)
            one = answers(world, folder, seed, fresh)
            measured.append(one["conditions"])
            asked.append(one["asked"])
            say(f"{width}-{seed}: " + ", ".join(f"{m} {asked[-1]['held_out_vendor'][m]:.1f}" for m in METHODS))
        found[width] = summary(asked) | {
            "conditions": {name: sum(row[name] for row in measured) / seeds for name in measured[0]}
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print figures as JSON instead of tables")
    parser.add_argument("--encoders", type=Path, default=HOME / "probe-encoders", help="narrow-0 ... wide-4 lie here")
    parser.add_argument("--art", type=Path, default=HOME / "pocket-art", help="made by scripts/train-pocket")
    parser.add_argument("--seeds", type=int, default=5, help="trainings of the encoder per width")
    parser.add_argument("--sweep", action="store_true", help="only the synthetic sweep over gap, scale and shape")
    parser.add_argument("--fresh", action="store_true", help="ask every encoder again")
    parser.add_argument("--photo", action="store_true", help="the photo width on pictures of real things")
    parser.add_argument("--stamps", type=Path, default=STAMPS, help="usr/share/tuxpaint/stamps of the package")
    given = parser.parse_args()
    if given.photo:
        stamps = Stamps.read(given.stamps)
        space, images, texts = encoded(stamps, "photo", HOME / "stamps")
        anchor = anchors(stamps, HOME / "stamps")
        figures = photo_table(stamps, space, images, texts, anchor, given.seeds, say)
        print(json.dumps({"figures": figures}, indent=2) if given.json else photo_rows(figures))
        return
    found = (
        {"sweep": sweep(given.seeds, say)}
        if given.sweep
        else measure(given.encoders, given.art, given.seeds, given.fresh)
    )
    print(json.dumps({"figures": found}, indent=2) if given.json else as_markdown(found))


if __name__ == "__main__":
    main()
