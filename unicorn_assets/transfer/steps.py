"""What each method does to one row, as steps v <- norm(scale * v + shift) that start from the unit vector.

Notation: y text and x image vectors, unit length first; mu their means; norm(v) = v / |v|.
  none        y; images stay x
  mean_shift  norm(y - mu_y); images become norm(x - mu_x)                        Unicorn, arXiv 2503.22655
  c3          the same, and noise on top whenever a row is read (noise.py)        C3, arXiv 2401.08567
  i0t         the same on both sides; the vectors of I0T (arXiv 2412.14384) need not have unit length at first, ours do
  realign     norm(e1 + o) with e1 = norm(mu_x + s (y - mu_y)); images stay x     ReAlign, arXiv 2602.07026
              s = sqrt((1 - |mu_x|^2) / (1 - |mu_y|^2)) makes the spreads equal, since for unit vectors the trace of
              the covariance is 1 - |mu|^2. The offset o starts at 0; each pass adds mu_x - mean(norm(e1 + o)).
  aniso_init  see aniso.py; images stay x                                         AnisoAlign, arXiv 2605.07825
"""

from collections.abc import Mapping

from unicorn_assets.vectors.plain_steps import Steps
from unicorn_assets.vectors.rows import Float64

METHODS = ("none", "mean_shift", "c3", "i0t", "realign", "aniso_init")
CENTRED = ("mean_shift", "c3", "i0t")
"""Methods that move real images as well."""


def text_steps(method: str, parameters: Mapping[str, Float64]) -> Steps:
    """Steps for text rows, of all methods but aniso_init."""
    if method in CENTRED:
        return [(1.0, -parameters["text_mean"])]
    if method == "realign":
        scale = parameters["scale"].item()
        anchor = parameters["image_mean"] - scale * parameters["text_mean"]
        return [(scale, anchor), (1.0, parameters["offset"])]
    return []


def image_steps(method: str, parameters: Mapping[str, Float64]) -> Steps:
    """Steps for real image rows."""
    return [(1.0, -parameters["image_mean"])] if method in CENTRED else []
