"""Pictures as every encoder takes them: in RGB, on white. Not here: sizes, which are the models' own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_STRIP = 512  # rows of pixels


def on_white(image: "Image") -> "Image":
    """The picture in RGB, with white where it was transparent (open_clip's own conversion would show black)."""
    from PIL import Image

    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    found = Image.new("RGB", image.size)
    for top in range(0, image.height, _STRIP):  # a large picture need not be there four times
        part = image.crop((0, top, image.width, min(top + _STRIP, image.height))).convert("RGBA")
        found.paste(Image.alpha_composite(Image.new("RGBA", part.size, "white"), part).convert("RGB"), (0, top))
    return found
