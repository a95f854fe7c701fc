"""What open_clip is told of the pocket encoder; its file is written beside the weights."""

from typing import Any

from unicorn_assets.encoders.pocket.model import DIMENSION, IMAGE_SIZE, IMAGE_TOWER

WINDOW = 256  # word pieces, [CLS] and [SEP] included
MINILM = "sentence-transformers/all-MiniLM-L6-v2"

OPEN_CLIP_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": DIMENSION,
        "vision_cfg": {
            "image_size": IMAGE_SIZE,
            "timm_model_name": IMAGE_TOWER,
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
