"""Edit a checkout of the Unicorn paper's code so that it trains on a release of this platform.

    python apply.py CHECKOUT

Pinned to commit f89be62bb8decaf1a2dfaea0e4bd6b5d02c2dbf7: a file that is another is left alone, and nothing is changed
then. Which lines are replaced is told by number; their text is not repeated here.
"""

import hashlib
import shutil
import sys
from pathlib import Path

COMMIT = "f89be62bb8decaf1a2dfaea0e4bd6b5d02c2dbf7"
# file -> (its sha256 at that commit, [(first line, last line, what takes their place)]), lines from 1
EDITS = {
    "bunny/util/data_utils.py": (
        "daf2f420882b7541de2bb6ac8f3849e7e7acf7f2612ced508966e5bb345208d8",
        [
            # folders of pickles, read whole into every process
            (311, 329, "        from bunny.util.unicorn_store import VectorStore\n\n"
                       "        self.embeddings = VectorStore.beside(data_path)\n"),
            # a scan of all embeddings for each sample, which passes over a record that has none
            (415, 422, "            data_dict['embed'] = self.embeddings.vector(self.list_data_dict[i]['id'])\n"),
        ],
    ),
    "bunny/model/bunny_arch.py": (
        "028366617da89718dd238fe031cb555233a3ea074ed1bf0c52ff68536c37aad4",
        [
            # a plain LLM's config knows no projector yet, a trained one's does
            (15, 15, "        if hasattr(config, 'mm_hidden_size'):\n"),
            (27, 27, "        self.config.mm_hidden_size = model_args.mm_hidden_size\n"
                     "        self.config.mm_image_tokens = model_args.mm_image_tokens\n"),
            (61, 62, "        seq = getattr(self.config, 'mm_image_tokens', 576)\n"
                     "        weight = next(self.get_model().mm_projector.parameters())\n"
                     "        embeds = embeds.to(weight.device, weight.dtype).unsqueeze(1).expand(-1, seq, -1)\n"),
        ],
    ),
    "bunny/train/train.py": (
        "8c287c3c2dbae7856f8336d35c15bb2f9339fb894c609e2e0270147df00f793e",
        [
            (324, 324, "    from bunny.util import unicorn_store\n\n"
                       "    model_args.mm_hidden_size = unicorn_store.dimension(data_args.data_path)\n"
                       "    model_args.mm_image_tokens = unicorn_store.image_tokens()\n"),
        ],
    ),
}  # fmt: skip


def edited(text, replacements):
    """The text with lines replaced; from the end, so that numbers stay true."""
    lines = text.splitlines(keepends=True)
    for first, last, new in sorted(replacements, reverse=True):
        lines[first - 1 : last] = [new]
    return "".join(lines)


def apply(checkout, edits=EDITS):
    """Edit the files of a checkout; returns their names. ValueError names one that is not of the pinned commit."""
    found = {}
    for name, (sha256, replacements) in edits.items():
        path = Path(checkout, name)
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"{path} is not that of commit {COMMIT[:12]}: check it out, without changes, first")
        found[path] = edited(data.decode("utf-8"), replacements)
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    store = Path(checkout, "bunny/util/unicorn_store.py")
    shutil.copyfile(Path(__file__).parent / "unicorn_store.py", store)
    return [*map(str, found), str(store)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print("\n".join(apply(sys.argv[1])))
    except ValueError as error:
        sys.exit(f"error: {error}")
