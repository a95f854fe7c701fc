"""What open_clip is told of an encoder whose text side is MiniLM; the file is written beside its weights."""

from typing import Any

from unicorn_assets.encoders.pocket.model import DIMENSION, IMAGE_SIZE, IMAGE_TOWER

WINDOW = 256  # word pieces, [CLS] and [SEP] included
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def open_clip_config(dimension: int, image_size: int, tower: str) -> dict[str, Any]:
    """open_clip's configuration for a timm tower that reads square images of `image_size` pixels."""
    return {
        "model_cfg": {
            "embed_dim": dimension,
            "vision_cfg": {
                "image_size": image_size,
                "timm_model_name": tower,
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "none",
            },
            "text_cfg": {
                "context_length": WINDOW,
                "hf_model_name": MINILM,
                "hf_tokenizer_name": MINILM,
                "hf_proj_type": "linear",
                "hf_pooler_type": "mean_pooler",
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "resize_mode": "longest",
            "fill_color": 255,
        },
    }


OPEN_CLIP_CONFIG = open_clip_config(DIMENSION, IMAGE_SIZE, IMAGE_TOWER)
