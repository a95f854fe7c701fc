"""The texts of the photo width: ImageNet's class names as open_clip words them, in a few short captions each."""

import numpy as np
import numpy.typing as npt

from unicorn_assets.encoders.pocket.photo_model import TEXT_FEATURES

TEMPLATES = ("a photo of a {name}.", "{A_name}.", "{name}", "a photo of {a_name}.")

Doubles = npt.NDArray[np.float64]


def captions() -> list[list[str]]:
    """For each template, its 1,000 captions in the classifier's order."""
    from open_clip import IMAGENET_CLASSNAMES

    named = [(name, with_article(name)) for name in IMAGENET_CLASSNAMES]
    return [
        [form.format(name=name, a_name=a_name, A_name=a_name[0].upper() + a_name[1:]) for name, a_name in named]
        for form in TEMPLATES
    ]


def with_article(name: str) -> str:
    """The name with the article that its first letter asks for."""
    return ("an " if name[0].lower() in "aeio" else "a ") + name


def text_vectors(model: object, tokenizer: object, texts: list[str]) -> Doubles:
    """(n, 384) unit rows: MiniLM's mean-pooled features, as the text head gets them."""
    import torch

    text, found = model.text, []  # type: ignore[attr-defined]
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for start in range(0, len(order), 256):
            pieces = tokenizer([texts[i] for i in order[start : start + 256]])  # type: ignore[operator]
            pieces = pieces[:, : int((pieces != 0).sum(1).max())]
            mask = (pieces != 0).long()
            found.append(text.pooler(text.transformer(input_ids=pieces, attention_mask=mask), mask).double().numpy())
    rows = np.empty((len(texts), TEXT_FEATURES))
    rows[order] = np.concatenate(found)
    unit: Doubles = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
