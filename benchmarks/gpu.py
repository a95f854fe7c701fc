"""Does the encoder's pipeline keep its device busy? On a GPU if torch sees one, else on a device that is played.

    python benchmarks/gpu.py [--json] [--texts 65536] [--identity 100000]      (about 3 minutes of two CPU cores)

encode_of_forward: rows a second of `embed` (reading texts, batches, fetching) over those of the bare device.
encode_vs_plain: over the best of plain loops that read 32, 256 or 1,024 texts with open_clip's tokenizer, then encode.
ids_different: of varied texts (with emoji, HTML, accents, marks), those that open_clip's tokenizer reads otherwise.
tokens_per_s, open_clip_tokens_per_s: texts a second of either tokenizer.

The played device takes a batch's rows / 16,000 seconds for each, one batch after another, and no CPU: the rate of
ViT-L-14's text tower in bf16 on an H100. On a GPU it is that tower itself with random weights.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.encoders.batches import Fetch, embed
from unicorn_assets.encoders.devices import GPU_BATCH_TOKENS, fetching, sent
from unicorn_assets.encoders.open_clip_tokens import HARD, ClipReader, read_plainly, reader
from unicorn_assets.encoders.tokens import Tokens

RATE, DIMENSION, WORDS = 16_000, 768, 129
SENTENCES = """a small dog with wet fur watches the old fisherman who has a wooden basket near the river; behind him a
narrow bridge leans on dark cobblestones. two bicycles glow in evening light, and it's 12 or 1,024 half-open windows
of a crowded market street that a greengrocer's lamp reflects under the weather-beaten lighthouse while the violinist
gathers red, green and blue umbrellas on a large kitchen table by the metal scaffolding"""
VOCABULARY = SENTENCES.split()
STRANGE = (
    "é",
    "“quoted”",
    "&amp;",
    "😀",
    "<b>",
    "naïve",
    "—",
    "日本",
    "ﬁne",
    "\u200b",
    "'ſ",
    "I'D",
    "__x__",
    "½",
    "\x07",
)


class PlayedDevice:
    """Encodes `rate` rows a second, batches in turn."""

    def __init__(self, rate: float) -> None:
        self._rate, self._free = rate, 0.0

    def send(self, ids: Any) -> Fetch:
        """Rows under way."""
        ready = self._free = max(time.perf_counter(), self._free) + len(ids) / self._rate

        def fetch() -> NDArray[np.float32]:
            time.sleep(max(0.0, ready - time.perf_counter()))
            return np.zeros((len(ids), DIMENSION), np.float32)

        return fetch


class Tower:
    """ViT-L-14's text tower with random weights on the GPU, in bf16."""

    def __init__(self) -> None:
        import open_clip
        import torch

        self._model = open_clip.create_model("ViT-L-14", precision="bf16", device="cuda", load_weights=False).eval()
        self._inference = torch.inference_mode

    def send(self, ids: Any) -> Fetch:
        """Rows under way."""
        with self._inference():
            return fetching(self._model.encode_text(sent(ids, "cuda"), normalize=True))


def captions(number: int, chosen: random.Random) -> list[str]:
    """Texts of a caption's length."""
    return [" ".join(chosen.choices(VOCABULARY, k=WORDS)) for _ in range(number)]


def varied(number: int, chosen: random.Random) -> list[str]:
    """Texts of all kinds: a third of plain words, a third with strange ones, a third of what is hard to read."""
    pools = ((VOCABULARY, 90), ((*VOCABULARY, *STRANGE), 90), ((*STRANGE, *HARD), 8))
    found = []
    for _ in range(number):
        words, most = chosen.choice(pools)
        found.append(chosen.choice((" ", " ", "")).join(chosen.choices(words, k=chosen.randint(0, most))))
    return found


def rate(rows: int, work: Callable[[], object]) -> float:
    """Rows a second, the best of three times."""
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return rows / min(took)


def plain(device: Any, tokenizer: Any, texts: list[str], size: int) -> None:
    """The loop that one would write."""
    for start in range(0, len(texts), size):
        device.send(tokenizer(texts[start : start + size]))()


def different(tokenizer: Any, number: int, chosen: random.Random) -> int:
    """How many texts the two tokenizers read otherwise."""
    quick, found = ClipReader(tokenizer), 0
    for start in range(0, number, 1000):
        texts = varied(min(1000, number - start), chosen)
        own, ours = read_plainly(tokenizer, texts), quick(texts)
        found += int((own.ids != ours.ids).any(dim=1).sum()) + len(set(own.truncated) ^ set(ours.truncated))
    return found


def measured(texts_wanted: int, identity: int) -> dict[str, Any]:
    """All figures."""
    import torch
    from open_clip.tokenizer import SimpleTokenizer

    chosen, tokenizer = random.Random(7), SimpleTokenizer()
    texts, read = captions(texts_wanted, chosen), reader(tokenizer)
    few = texts[: max(1024, texts_wanted // 32)]
    on_gpu = torch.cuda.is_available()
    device: Any = Tower() if on_gpu else PlayedDevice(RATE)

    def send(tokens: Tokens, rows: list[int]) -> Fetch:
        return device.send(tokens.ids[rows])

    def bare() -> None:
        under_way: Fetch | None = None
        for start in range(0, len(texts), size):
            fetch = device.send(ready.ids[start : start + size])
            if under_way:
                under_way()
            under_way = fetch
        if under_way:
            under_way()

    size, ready = GPU_BATCH_TOKENS // tokenizer.context_length, read(texts)
    forward = rate(len(texts), bare)
    ours = rate(len(texts), lambda: embed(texts, read, send, DIMENSION, GPU_BATCH_TOKENS))
    loops = {n: rate(len(few), lambda n=n: plain(device, tokenizer, few, n)) for n in (32, 256, 1024)}
    return {
        "device": torch.cuda.get_device_name()
        if on_gpu
        else f"played, {RATE:,} rows/s; no GPU here, so none was measured",
        "rows_per_s": {
            "forward": round(forward),
            "ours": round(ours),
            "plain": {n: round(r) for n, r in loops.items()},
        },
        "figures": {
            "encode_of_forward": round(ours / forward, 3),
            "encode_vs_plain": round(ours / max(loops.values()), 2),
            "tokens_per_s": round(rate(len(texts), lambda: read(texts))),
            "open_clip_tokens_per_s": round(rate(len(few), lambda: tokenizer(few))),
            "ids_different": different(tokenizer, identity, chosen),
            "of_texts": identity,
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--texts", type=int, default=65_536)
    parser.add_argument("--identity", type=int, default=100_000)
    options = parser.parse_args()
    found = measured(options.texts, options.identity)
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
