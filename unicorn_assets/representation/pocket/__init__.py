"""The pocket encoder: a small image-text pair, trained on emoji pictures, so that everything runs without a network.

model.py and encoder.py use it; files.py reads what is shipped beside the weights, in narrow/ and wide/ (its two gap
widths). concepts.py, captions.py, descriptions.py, pictures.py, text_features.py, image_features.py, augment.py,
heads.py, train.py, evaluate.py and card.py make it again (scripts/train-pocket); no other room imports those.
It is a default and a yardstick for an icon domain, not a good general encoder: narrow/README.md says what to use
instead.
"""

from unicorn_assets.representation.pocket.encoder import PocketEncoder
from unicorn_assets.representation.pocket.files import read_evaluation_pairs, read_metrics, read_reference
from unicorn_assets.representation.pocket.model import load, register_image_tower

__all__ = [
    "PocketEncoder",
    "load",
    "read_evaluation_pairs",
    "read_metrics",
    "read_reference",
    "register_image_tower",
]
