"""The pictures of every concept, vendor by vendor, as RGBA pixels read from npm packages of freely licensed art.

Vendors differ in style, so a concept's pictures are several views of it. One vendor is never trained on.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tools.pocket.concepts import Concept, code_key
from unicorn_assets.errors import UserError

SIZE = 64  # pixels
HELD_OUT_VENDOR = "twitter"
PNG_VENDORS = ("google", "twitter")
SVG_FOLDERS = {"fluent-flat": "flat", "fluent-modern": "modern"}
ICON_SETS = ("noto-v1", "fxemoji", "emojione", "streamline-emojis")  # JSON files of SVG bodies

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """pixels (n, 64, 64, 4) uint8 RGBA, straight alpha; row i shows concept number concept[i], drawn by vendor[i]."""

    pixels: Pixels
    concept: npt.NDArray[np.int64]
    vendor: npt.NDArray[np.str_]


def read_pictures(modules: Path, concepts: list[Concept], cache: Path) -> Pictures:
    """Pictures of all vendors in `modules` (a node_modules folder); `cache` is an .npz file made on the first call."""
    if not cache.is_file():
        found = [(i, vendor, pixels) for vendor, rows in _all_vendors(modules, concepts) for i, pixels in rows]
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            cache,
            pixels=np.stack([pixels for _, _, pixels in found]),
            concept=np.array([i for i, _, _ in found]),
            vendor=np.array([vendor for _, vendor, _ in found]),
        )
    with np.load(cache) as saved:
        return Pictures(saved["pixels"], saved["concept"], saved["vendor"])


def _all_vendors(modules: Path, concepts: list[Concept]) -> list[tuple[str, list[tuple[int, Pixels]]]]:
    names = names_of(modules, concepts)
    vendors = [(vendor, _png_pictures(modules, vendor, concepts)) for vendor in PNG_VENDORS]
    for vendor, style in SVG_FOLDERS.items():
        files = sorted((modules / "fluentui-emoji" / "icons" / style).glob("*.svg"))
        vendors.append((vendor, drawn(modules, names, {f.stem: f.read_text(encoding="utf-8") for f in files})))
    for vendor in ICON_SETS:
        vendors.append((vendor, drawn(modules, names, _icon_set(modules, vendor))))
    empty = [vendor for vendor, rows in vendors if not rows]
    if empty:
        raise UserError(f"no pictures of {', '.join(empty)} in {modules}", "fetch them: scripts/train-pocket")
    return vendors


def _png_pictures(modules: Path, vendor: str, concepts: list[Concept]) -> list[tuple[int, Pixels]]:
    folder = modules / f"emoji-datasource-{vendor}" / "img" / vendor / str(SIZE)
    files = {code_key(file.stem): file for file in folder.glob("*.png")}
    rows = []
    for i, concept in enumerate(concepts):
        if file := files.get(concept.hexcode):
            with Image.open(file) as image:
                rows.append((i, np.asarray(image.convert("RGBA").resize((SIZE, SIZE)))))
    return rows


def _key(name: str) -> str:
    """A name for matching between sources, which spell "o’clock" or "T-Rex" in many ways: letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix("-default"))


def names_of(modules: Path, concepts: list[Concept]) -> dict[str, int]:
    """Concept number of every name it goes by; labels win over short names, names of several concepts are left out."""
    rows = json.loads((modules / "emoji-datasource-google" / "emoji.json").read_text(encoding="utf-8"))
    number = {concept.hexcode: i for i, concept in enumerate(concepts)}
    aliases: dict[str, set[int]] = {}
    for row in rows:
        i = number.get(code_key(row["unified"]))
        if i is not None:
            for name in (row["name"], *row["short_names"]):
                aliases.setdefault(_key(name), set()).add(i)
    names = {name: min(found) for name, found in aliases.items() if len(found) == 1 and len(name) > 1}
    for i, concept in enumerate(concepts):
        names[_key(concept.label)] = i
        if concept.label.startswith("flag: "):
            names[_key("flag for " + concept.label[6:])] = i
            names[_key(concept.label[6:] + " flag")] = i
    return names


def _icon_set(modules: Path, vendor: str) -> dict[str, str]:
    """SVG documents by name of an icon set in Iconify's JSON format."""
    file = modules / "@iconify-json" / vendor / "icons.json"
    if not file.is_file():
        return {}
    icons: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    side = icons.get("width", 16), icons.get("height", 16)
    documents = {}
    for name, icon in icons["icons"].items():
        width, height = icon.get("width", side[0]), icon.get("height", side[1])
        spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        documents[name] = f'<svg {spaces} viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    return documents


def drawn(
    modules: Path, names: dict[str, int], documents: dict[str, str], size: int = SIZE
) -> list[tuple[int, Pixels]]:
    """One picture per concept from SVG documents whose names match; undrawable and empty ones are dropped."""
    chosen: dict[int, str] = {}
    for name, document in documents.items():
        if (i := names.get(_key(name))) is not None:
            chosen.setdefault(i, document)
    pictures = _rendered(modules, list(chosen.values()), size)
    return [(i, picture) for i, picture in zip(chosen, pictures, strict=True) if picture[..., 3].any()]


def _rendered(modules: Path, documents: list[str], size: int) -> list[Pixels]:
    """One picture per document; a document that kills the renderer becomes a transparent picture."""
    command = ["node", str(Path(__file__).with_name("render.mjs")), str(modules.resolve()), str(size)]
    pictures: list[Pixels] = []
    while len(pictures) < len(documents):
        lines = "".join(json.dumps({"svg": document}) + "\n" for document in documents[len(pictures) :])
        done = subprocess.run(command, input=lines.encode(), capture_output=True, check=False)
        found = np.frombuffer(done.stdout, np.uint8).reshape(-1, size, size, 4)
        if done.returncode and not len(found) and not pictures:
            raise UserError(f"the SVG renderer failed: {done.stderr.decode()[-300:]}", "fetch it: scripts/train-pocket")
        pictures.extend(found)
        if done.returncode:
            pictures.append(np.zeros((size, size, 4), np.uint8))
    return pictures
