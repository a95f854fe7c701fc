"""Does the pocket encoder's photo width know real things? Picture to caption on Debian's stamps.

    python benchmarks/photo.py --json [--stamps FOLDER] [--held] [--page FILE]

For each width, recall at 1, 5 and 10 of a picture's own caption: among its half's captions, and among all. Without
--held only the half to develop with is looked at. --page writes an HTML page of captions with their nearest pictures.
"""

import argparse
import base64
import html
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "stamps"))
import numpy as np
from pictures import STAMPS, Stamps, recalls
from PIL import Image
from vectors import encoded

from unicorn_assets.encoders.pictures import on_white

WIDTHS = ("narrow", "wide", "photo")
SHOWN = 6  # pictures beside a caption
HOME = Path(os.environ.get("UNICORN_HOME", ".unicorn"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--stamps", type=Path, default=STAMPS, help="folder usr/share/tuxpaint/stamps of the package")
    parser.add_argument("--cache", type=Path, default=HOME / "stamps", help="vectors are kept here")
    parser.add_argument("--held", action="store_true", help="look at the held half too")
    parser.add_argument("--page", type=Path, help="write captions with their nearest pictures, as HTML")
    given = parser.parse_args()
    stamps = Stamps.read(given.stamps)
    figures: dict[str, Any] = {"pictures": len(stamps.files), "captions": len(stamps.captions)}
    for width in WIDTHS:
        figures[width] = asked(stamps, width, given.cache, given.held)
    if given.held:
        figures["photo_r5_held_half"] = figures["photo"]["held"]["of_its_half"]["recall_5"]
    if given.page:
        given.page.write_text(page(stamps, given.cache), encoding="utf-8")
    print(json.dumps({"figures": figures}, indent=2) if given.json else table(figures))


def asked(stamps: Stamps, width: str, cache: Path, held: bool) -> dict[str, Any]:
    """Recalls by half: among the captions of that half, and among all."""
    _, images, texts = encoded(stamps, width, cache)
    scores, found = images.astype(np.float64) @ texts.astype(np.float64).T, {}
    for half in ("develop", "held") if held else ("develop",):
        pictures = np.flatnonzero(stamps.held == (half == "held"))
        gallery = np.unique(stamps.caption_of[pictures])
        found[half] = {"pictures": len(pictures)} | {
            name: {"gallery": len(among)} | recalls(pictures, scores, stamps.caption_of, among)
            for name, among in (("of_its_half", gallery), ("of_all", np.arange(len(stamps.captions))))
        }
    return found


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = ["| width | half | pictures | gallery | R@1 | R@5 | R@10 |", "|---|---|---|---|---|---|---|"]
    for width in WIDTHS:
        for half, row in figures[width].items():
            for among in ("of_its_half", "of_all"):
                cells = [width, half, row["pictures"], *row[among].values()]
                lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def page(stamps: Stamps, cache: Path) -> str:
    """Every eighth caption with the pictures that the photo width finds for it; its own has a green frame."""
    _, images, texts = encoded(stamps, "photo", cache)
    rows = []
    for caption in range(0, len(stamps.captions), 8):
        best = np.argsort(-(images @ texts[caption]))[:SHOWN]
        shown = "".join(_picture(stamps.files[i], bool(stamps.caption_of[i] == caption)) for i in best)
        rows.append(f"<tr><th>{html.escape(stamps.captions[caption])}</th><td>{shown}</td></tr>")
    style = (
        "body{font:14px sans-serif}th{width:18em;text-align:left}"
        "img{height:72px;margin:3px;border:3px solid #fff}img.own{border-color:#0a0}"
    )
    head = f"<meta charset=utf-8><title>Captions and their nearest pictures</title><style>{style}</style>"
    return f"<!doctype html>{head}<table>{''.join(rows)}</table>\n"


def _picture(file: Path, own: bool) -> str:
    small = on_white(Image.open(file))
    small.thumbnail((144, 144))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    code = base64.b64encode(buffer.getvalue()).decode()
    return f'<img{" class=own" if own else ""} alt="{html.escape(file.stem)}" src="data:image/jpeg;base64,{code}">'


if __name__ == "__main__":
    main()
