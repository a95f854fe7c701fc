"""Pictures of the gap as PNG bytes: a common principal-component view, and histograms of cosines.

Colours are of Okabe and Ito's palette, which stays distinct with colour-blind eyes; markers differ too. The numbers
come from gap/.
"""

import io
from typing import TYPE_CHECKING

import numpy as np

from unicorn_assets.representation.vectors import Float64, Rows, unit_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT, IMAGE, BETWEEN = "#0072B2", "#D55E00", "#009E73"
POINTS = 600  # of each cloud; more only hide each other
COSINES = 1000  # rows of each side for the histograms


def common_pca(
    text: Rows, moved: Rows, images: Rows, moved_images: Rows | None = None, method: str = "moved", seed: int = 0
) -> bytes:
    """Texts and images before and after the move, side by side, in the same two principal components of all of them.

    All are (n, d). `moved_images` is what the method makes of real images when they are used; None leaves them as
    they are.
    """
    sides = (text, images, moved, images if moved_images is None else moved_images)
    clouds = [_some(rows, POINTS, seed) for rows in sides]
    stacked = np.concatenate(clouds)
    centre = stacked.mean(axis=0)
    _, sizes, directions = np.linalg.svd(stacked - centre, full_matrices=False)
    share = sizes**2 / max(float((sizes**2).sum()), np.finfo(float).tiny)
    figure = _figure(10, 4.8)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, title, (y, x) in zip(panels, _titles(method), (clouds[:2], clouds[2:]), strict=True):
        for rows, colour, marker, name in ((x, IMAGE, "^", "images"), (y, TEXT, "o", "texts")):
            at = (rows - centre) @ directions[:2].T
            panel.scatter(at[:, 0], at[:, 1], s=12, c=colour, marker=marker, alpha=0.45, linewidths=0, label=name)
        panel.set_title(title)
        panel.set_xlabel(f"principal component 1 ({share[0]:.0%} of the variance)")
    panels[0].set_ylabel(f"principal component 2 ({share[1]:.0%} of the variance)")
    panels[0].legend(loc="best", markerscale=2)
    return _png(figure)


def cosine_histograms(
    text: Rows,
    moved: Rows,
    images: Rows,
    moved_images: Rows | None = None,
    method: str = "moved",
    paired_cosines: tuple[float, float] | None = None,
) -> bytes:
    """Histograms of cosines within texts, within images and between the two, before and after the move.

    All matrices are (n, d), as for common_pca. `paired_cosines` are the mean cosines of texts with their own images
    before and after; they are drawn as lines.
    """
    figure = _figure(10, 4.4)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    sides = ((text, images), (moved, images if moved_images is None else moved_images))
    for number, (panel, title, (texts, others)) in enumerate(zip(panels, _titles(method), sides, strict=True)):
        y, x = _some(texts, COSINES, 0), _some(others, COSINES, 1)
        kinds = (
            (_within(y), TEXT, "-", "text with text"),
            (_within(x), IMAGE, "--", "image with image"),
            ((y @ x.T).ravel(), BETWEEN, ":", "text with image"),
        )
        for values, colour, style, name in kinds:
            panel.hist(
                values, bins=80, range=(-1, 1), density=True, histtype="step",
                color=colour, linestyle=style, linewidth=2, label=name,
            )  # fmt: skip
        if paired_cosines is not None:
            own = paired_cosines[number]
            panel.axvline(own, color="black", linewidth=1.5, label=f"text with its own image, mean {own:.2f}")
        panel.set_title(title)
        panel.set_xlabel("cosine")
        panel.legend(loc="best", fontsize=8)
    panels[0].set_ylabel("density")
    return _png(figure)


def spectrum_plot(text: Rows, image: Rows, moved: Rows) -> bytes:
    """Eigenvalues of the covariances of texts, images and moved texts, from the largest down, on a log scale."""
    from unicorn_assets.representation.gap.distribution import moments, spectrum

    figure = _figure(6, 4.4)
    panel = figure.subplots()
    lines = ((text, TEXT, "-", "texts"), (image, IMAGE, "--", "images"), (moved, BETWEEN, ":", "moved texts"))
    for rows, colour, style, name in lines:
        units = unit_rows(rows)
        values, _ = spectrum(moments(units)[1])
        values = values[: min(len(units) - 1, len(values))]
        panel.plot(
            np.arange(1, len(values) + 1), np.maximum(values, 1e-9), style, color=colour, linewidth=2, label=name
        )
    panel.set_yscale("log")
    panel.set_xlabel("principal component")
    panel.set_ylabel("variance along it")
    panel.set_title("spectra of the clouds")
    panel.legend(loc="best")
    return _png(figure)


def _titles(method: str) -> tuple[str, str]:
    return "before: texts as encoded", f"after: {method}"


def _some(rows: Rows, n: int, seed: int) -> Float64:
    return unit_rows(rows[np.random.default_rng(seed).permutation(len(rows))[:n]])


def _within(rows: Float64) -> Float64:
    """Cosines of all pairs of different rows, each pair once."""
    found: Float64 = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return found


def _figure(width: float, height: float) -> "Figure":
    """A figure of its own canvas: no display, and no global state that a server would have to clean up."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # no version inside: same data, same bytes
    return buffer.getvalue()
