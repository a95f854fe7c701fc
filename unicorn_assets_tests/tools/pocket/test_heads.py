"""Several members become one head that answers as they do on average."""

import numpy as np

from tools.pocket.heads import MEMBERS, Heads, merge
from tools.pocket.image_features import through_image_head
from unicorn_assets.encoders.pocket.files import model_folder
from unicorn_assets.encoders.pocket.model import build


def members(*, wide: bool) -> tuple[list[Heads], np.ndarray, np.ndarray]:
    import torch

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 2, 384)).astype(np.float16)
    photo, small = rng.normal(2, 1, (40, 1280)).astype(np.float16), rng.normal(1, 3, (40, 192)).astype(np.float16)
    found = [Heads(features, photo, small, wide=wide) for _ in range(MEMBERS)]
    with torch.no_grad():
        for number, one in enumerate(found):
            one.image[2].weight.mul_(number + 1)  # a loud member counts no more than a quiet one
            one.text.weight.mul_(1 + number / 10)
    return found, photo, small


def test_the_merged_head_is_the_members_average() -> None:
    import torch

    found, photo, small = members(wide=False)
    pocket = build(model_folder())
    merge(found, pocket, photo, small)
    with torch.no_grad():
        answers = [one.image(one.scaled(photo, small)) for one in found]
        expected = sum(answer / answer.norm(dim=1).mean() for answer in answers)
    expected = torch.nn.functional.normalize(expected, dim=1).numpy()
    np.testing.assert_allclose(through_image_head(pocket, np.concatenate([photo, small], axis=1)), expected, atol=1e-4)
    np.testing.assert_allclose(
        pocket.model.text.proj.weight.detach(), found[0].text.weight.detach() * 1.15, rtol=1e-4, atol=1e-6
    )


def test_only_the_narrow_width_learns_its_scale() -> None:
    for wide in (False, True):
        one = members(wide=wide)[0][0]
        assert (any(parameter is one.scale for parameter in one.trained())) is not wide
