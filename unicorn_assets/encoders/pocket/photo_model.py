"""The photo width: pictures of real things and their names, tied by ImageNet's classes.

Image side, at 260 x 260 pixels: EfficientNet-Lite2 with its classifier, frozen. Text side: MiniLM, frozen. Three ways
lead from one to the other, and all go into the one vector, a block each of the same length; so the dot product of two
vectors is the mean of the three ways' cosines:
* features (DeViSE, Frome et al. 2013): a picture's features, in the directions that a linear map of texts can reach;
* classes (ConSE, Norouzi et al. 2014): the mean of the classes' text vectors, weighted by the picture's probabilities;
* agreement: how the picture's probabilities and the text's likeness to the class names agree as distributions.
How the maps are found is in tools/photo; loading is in model.py.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

TOWER = "tf_efficientnet_lite2"
IMAGE_TOWER = "pocket_photo_tower"
IMAGE_SIZE = 260  # pixels
FEATURES = 1280
CLASSES = 1000
TEXT_FEATURES = 384
BLOCKS = (384, 384, 512)  # components: features, classes, agreement
DIMENSION = sum(BLOCKS)


def join(blocks: "list[torch.Tensor]") -> "torch.Tensor":
    """(n, 1280) unit rows: blocks (n, k) side by side, each made equally long."""
    import torch

    unit = [torch.nn.functional.normalize(block, dim=-1) for block in blocks]
    joined: torch.Tensor = torch.cat(unit, dim=-1) / len(unit) ** 0.5
    return joined


def text_head() -> Any:
    """A module from MiniLM's features (n, 384) to (n, 1280) unit rows."""
    import torch
    from torch import nn

    class PhotoText(nn.Module):
        mean: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(TEXT_FEATURES))
            self.features = nn.Linear(TEXT_FEATURES, BLOCKS[0], bias=False)
            self.names = nn.Linear(TEXT_FEATURES, CLASSES, bias=False)  # cosines over the softmax's temperature
            self.agreement = nn.Linear(CLASSES, BLOCKS[2])

        def forward(self, read: torch.Tensor) -> torch.Tensor:
            text = nn.functional.normalize(read, dim=-1) - self.mean
            like = self.names(nn.functional.normalize(text, dim=-1)).softmax(dim=-1)
            return join([self.features(text), text, self.agreement(like.sqrt())])

    return PhotoText()


def register_photo_tower() -> None:
    """Make the image side known to timm under IMAGE_TOWER, once, so that open_clip can build it by name."""
    import timm
    import torch
    from torch import nn

    if timm.is_model(IMAGE_TOWER):
        return

    class PhotoTower(nn.Module):
        """(n, 3, 260, 260) normalised pictures to (n, 1280) unit rows."""

        def __init__(self) -> None:
            super().__init__()
            self.photo = timm.create_model(TOWER, num_classes=CLASSES)
            self.features = nn.Linear(FEATURES, BLOCKS[0])
            self.classes = nn.Linear(CLASSES, BLOCKS[1], bias=False)
            self.agreement = nn.Linear(CLASSES, BLOCKS[2])

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen = self.photo.forward_head(self.photo.forward_features(pictures), pre_logits=True)
            return self.joined(seen)

        def joined(self, seen: torch.Tensor) -> torch.Tensor:
            """(n, 1280) unit rows of the photo network's features (n, 1280)."""
            likely = self.photo.get_classifier()(seen).softmax(dim=-1)
            return join([self.features(seen), self.classes(likely), self.agreement(likely.sqrt())])

    def pocket_photo_tower(**_: Any) -> PhotoTower:
        return PhotoTower()

    timm.models.register_model(pocket_photo_tower)
