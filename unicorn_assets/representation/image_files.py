"""Images of a folder, one after the other; a damaged file is set aside with its reason instead of ending the run.

Not here: encoding them (encoders/), or what becomes of the vectors (image_reference.py).
"""

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import fsspec

from unicorn_assets.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def list_images(folder: str) -> tuple[Any, str, list[str]]:
    """(file system, root, sorted names below it) of all image files in `folder`, a path or URL, at any depth.

    UserError when there is no such folder or no image in it.
    """
    fs, root = fsspec.core.url_to_fs(folder)
    root = root.rstrip("/")
    if not fs.isdir(root):
        raise UserError(f"{folder} is not a folder", "check image_reference.path in the recipe")
    found = sorted(str(path)[len(root) + 1 :] for path in fs.find(root))
    names = [name for name in found if name.lower().endswith(ENDINGS)]
    if not names:
        raise UserError(
            f"{folder} holds no images ({len(found)} other files)", f"put images into it: {', '.join(ENDINGS)}"
        )
    return fs, root, names


def read_images(folder: str, corrupt: list[tuple[str, str]]) -> Iterator[tuple[str, "Image"]]:
    """(name, decoded image) of each readable image, in the order of names; the others go to `corrupt` with a reason."""
    fs, root, names = list_images(folder)
    for name in names:
        try:
            yield name, decode(fs.cat_file(f"{root}/{name}"))
        except ValueError as error:
            corrupt.append((name, str(error)))


def decode(data: bytes) -> "Image":
    """The whole image in memory; ValueError with a short reason when it cannot be decoded completely."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ValueError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd but readable metadata
            image = Image.open(io.BytesIO(data))
            image.load()
    except UnidentifiedImageError:
        raise ValueError("not an image that can be recognised") from None
    except Image.DecompressionBombError:
        raise ValueError("more pixels than are safe to decode") from None
    except (OSError, SyntaxError, ValueError, IndexError, EOFError, MemoryError) as error:
        raise ValueError(f"damaged: {error}") from None
    return image
