"""Turns a GGUF file into a folder in Hugging Face's format, float32, which vLLM reads.

Usage: python hugging_face_folder.py MODEL.gguf FOLDER, with the Python of an environment with torch and transformers.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Read, unpack the quantised weights, write; the folder appears whole."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
    where = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    if not tokenizer.chat_template:
        sys.exit(f"{weights} has no chat template")
    unpacked = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, quantization_config=unpacked)
    unfinished = folder.with_name(folder.name + ".unfinished")
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)


main()
