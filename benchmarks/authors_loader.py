"""The paper's own Dataset on releases: how many records load, and how many come with the right vector.

    python benchmarks/authors_loader.py CHECKOUT [RELEASE ...] [--json]

CHECKOUT is https://github.com/Yu-xm/Unicorn at commit f89be62bb8de, which is copied, edited by what
`unicorn export --to unicorn-code` writes, and never changed itself. RELEASE: folders; without any a pretraining and an
instruction release of 60 and 30 records are made. Their loader runs as it is, with their template and collator; the
tokenizer is a stand-in of whole words whose padding is its end of text, as theirs is. A vector is right when it is that
of the release's own file to the last bit.
"""

import argparse
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def releases(folder: Path) -> list[str]:
    from unicorn_assets.lake.store import Lake
    from unicorn_assets.release import release_instruction, release_pretrain
    from unicorn_assets_tests.small_lake import SHARDS, facts, fill, small_recipe

    lake = fill(Lake(str(folder)), rows=22)
    made = [release(lake, small_recipe(), SHARDS, facts()) for release in (release_pretrain, release_instruction)]
    return [info.path for info in made]


def words(end: str) -> Any:
    """`end` is what their template puts behind an answer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE(unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<unk>", "<s>", end]
    trainer = trainers.BpeTrainer(special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    plain.train_from_iterator(["a small brown bird"], trainer)
    found = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token=end)
    found.pad_token, found.model_max_length = found.eos_token, 4096
    return found


def part(checkout: str, release: str) -> dict[str, int]:
    """In a process of its own: their package, one release."""
    import numpy as np
    from safetensors.numpy import load_file

    sys.path.insert(0, checkout)
    from bunny import conversation
    from bunny.util.data_utils import DataArguments, DataCollatorForSupervisedDataset, LazySupervisedDataset

    (records,) = (name for name in ("Pretrain.json", "Instruction.json") if Path(release, name).exists())
    plain = records == "Pretrain.json"
    conversation.default_conversation = conversation.conv_templates["plain" if plain else "bunny"]
    tokenizer = words(conversation.conv_templates["bunny"].sep2)
    path = str(Path(release, records))
    data = LazySupervisedDataset(data_path=path, tokenizer=tokenizer, data_args=DataArguments(data_path=path))
    stored = load_file(Path(release, "embeddings.safetensors"))
    wanted = {
        bytes(name).rstrip(b"\0").decode(): row for name, row in zip(stored["ids"], stored["vectors"], strict=True)
    }
    loaded = right = learnt = 0
    for number, record in enumerate(json.loads(Path(path).read_text(encoding="utf-8"))):
        sample = data[number]
        loaded += len(sample["input_ids"]) > 0
        learnt += bool((sample["labels"] != -100).any())
        vector = sample.get("embed")
        right += vector is not None and vector.dtype == np.float32 and np.array_equal(vector, wanted[record["id"]])
    collate = DataCollatorForSupervisedDataset(tokenizer=tokenizer)
    batch = collate([data[number] for number in range(min(4, len(data)))])
    shape = list(batch["embeds"].shape) if "embeds" in batch else []
    return {"records": len(wanted), "loaded": loaded, "right": right, "learnt": learnt, "embeds": shape}  # type: ignore[dict-item]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("release", nargs="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            found = part(str(options.checkout), options.release[0])
        print(json.dumps(found | {"mismatches": said.getvalue().count("tokenization mismatch")}))
        return
    from unicorn_assets.export.unicorn_code.apply import apply

    with tempfile.TemporaryDirectory() as folder:
        patched = Path(shutil.copytree(options.checkout, Path(folder, "patched")))
        apply(patched)
        each = {}
        for release in options.release or releases(Path(folder, "lake")):
            command = [sys.executable, __file__, str(patched), release, "--part"]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                sys.exit(ran.stderr)
            each[release] = json.loads(ran.stdout.splitlines()[-1])
    figures = {
        "authors_loader_records": sum(one["loaded"] for one in each.values()),
        "authors_loader_vectors_right": sum(one["right"] for one in each.values()),
        "authors_loader_of": sum(one["records"] for one in each.values()),
    }
    print(json.dumps({"figures": figures, "releases": each}, indent=2) if options.json else figures)


if __name__ == "__main__":
    main()
