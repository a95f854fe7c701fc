"""The data, made by the platform: a release for each method of transfer, and real pictures in its space.

Everything goes through the command line, as a user's data would: `unicorn run` on a recipe, `unicorn export --images`.
What is there is not made again. Not here: what is in the captions (written.py).
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.proof.size import NOISE
from tools.proof.written import look_up_server
from unicorn_assets.atomic import replacing
from unicorn_assets.errors import UserError
from unicorn_assets.lake.released import latest_release, release_folder
from unicorn_assets.lake.store import Lake

ASSET = "unicorn_1_2m"
RECIPE = """\
name: proof
about: Captions that stand written, looked up by a server in an LLM's place (docs/proof.md).
sources:
  - name: icons
    path: seeds.jsonl
    columns: {{domain: group}}
    license: "emojibase-data: MIT; descriptions: Apache-2.0"
llm: {{endpoint: url, url: "{url}", model: look-up, max_drafts: 1, concurrency: 8}}
gates: small
captions: {{prompt: seed.md, gates: {{min_words: 1, min_seed_overlap: 0}}}}
near_duplicates: {{threshold: 1.0}}
instructions: {{share: 0}}
encoder: {{kind: pocket, width: wide}}
transfer: {{method: {method}, noise_cosine: {noise}}}
checks:
  max_gap_after: 9
  max_separability_after: 1
  min_neighbour_overlap: 0
  max_relative_gap_after: 1
  max_recall_loss: 1
release: {{title: The proof, license: Apache-2.0}}
"""


class Releases:
    """Releases below `folder`, of the captions in `written` (caption by seed, of the group of that seed)."""

    def __init__(self, folder: Path, written: Mapping[str, str], groups: Mapping[str, str]) -> None:
        self.folder, self.written, self.groups = folder.resolve(), written, groups

    def of(self, method: str) -> Path:
        """The folder of the release with this method of transfer."""
        note = self.folder / f"release-{method}.json"
        if note.is_file() and (found := Path(json.loads(note.read_text())["folder"])).is_dir():
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps({"text": seed, "group": self.groups[seed]}, ensure_ascii=False) for seed in self.written]
        _keep(self.folder / "seeds.jsonl", "".join(row + "\n" for row in rows))
        _keep(self.folder / "seed.md", "# user\n{seed}\n")
        with look_up_server(self.written) as url:
            _keep(self.recipe(method), RECIPE.format(url=url, method=method, noise=NOISE))
            self._unicorn("run", "--recipe", str(self.recipe(method)))
        lake = Lake(str(self.folder / "home" / "lake"))
        version = latest_release(lake, ASSET)
        found = self.folder / "home" / "lake" / release_folder(ASSET, str(version))
        write(note, json.dumps({"folder": str(found)}))
        return found

    def pictures(self, method: str, name: str, images: Path) -> Path:
        """A safetensors file: the pictures in `images`, a folder, through the release's encoder and move."""
        to = self.folder / f"{name}-{method}.safetensors"
        if not to.is_file():
            release = self.of(method)
            self._unicorn(
                "export", str(release), "--images", str(images), "--out", str(to), "--recipe", str(self.recipe(method))
            )
        return to

    def recipe(self, method: str) -> Path:
        """The recipe's file for a method."""
        return self.folder / f"recipe-{method}.yaml"

    def _unicorn(self, *words: str) -> None:
        command = [sys.executable, "-m", "unicorn_assets", *words, "--home", str(self.folder / "home")]
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if done.returncode:
            raise UserError(f"`unicorn {' '.join(words)}` ended with {done.returncode}", "read what it said above")


def _keep(file: Path, text: str) -> None:
    """Write it unless it says so already: a changed source is read again."""
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        write(file, text)


def write(file: Path, text: str) -> None:
    """A text file that is there whole or not at all."""
    with replacing(file) as out:
        out.write(text.encode())
