"""One HTML page about a move: figures with intervals, plots, how they came about. It needs no network and no lake.

Here: words and layout. Not here: what is measured (measure.py), how to read it (meaning.py), plots (plots.py).
"""

from collections.abc import Mapping
from html import escape
from importlib.metadata import PackageNotFoundError, version

from unicorn_assets.gap.intervals import Estimate
from unicorn_assets.gap.meaning import GROUPS, NEEDS_ROWS, change, explain
from unicorn_assets.gap.measure import GapReport, compare
from unicorn_assets.gap.plots import Drawn, draw_all, svg
from unicorn_assets.page import page, table
from unicorn_assets.transfer import Transfer
from unicorn_assets.vectors.rows import Rows

TILES = (
    ("centred_distance", "distance of texts to their own images after centring: what no shift closes; 0 is best"),
    ("centroid_distance", "distance of the two means; 0 is best"),
    ("linear_separability", "a linear probe's accuracy at telling text from image; 0.5 is chance"),
    ("knn_mixing", "images among a text's nearest neighbours and the reverse; 0.5 is mixed"),
    ("neighbour_overlap", "of a text's nearest texts that stay its nearest; 1 is best"),
    ("relative_modality_gap", "distance of pairs against that of strangers; 0.5 is no better than strangers"),
    ("text_to_image_recall_10", "texts that find their own image among the ten nearest"),
)
INTERVALS = (
    "Each figure has a 95 % interval. Centroid distance, trace ratio, uniformity, neighbourhoods and paired distances: "
    "bootstrap over rows, with a row's copies never counted as its neighbours. Separability and recall: Wilson's score "
    "interval. Figures made from covariances: delete-a-group jackknife. Where a small sample alone would push the "
    "formula up or down, the value is corrected for it and the plain formula's result stands below. For nearest "
    "neighbours and recall the rows asked vary and the rows searched stay as they are."
)


def report_html(
    transfer: Transfer,
    text: Rows,
    images: Rows,
    pairs: tuple[Rows, Rows] | None = None,
    *,
    measured: GapReport | None = None,
    drawn: Drawn | None = None,
    about: Mapping[str, str] | None = None,
    seed: int = 0,
) -> str:
    """One self-contained HTML page about `transfer`.

    `text` (n, d) and `images` (m, d) are vectors as encoded, unpaired; `pairs` two (k, d) matrices, text and image of
    the same things. `measured` is what gap.compare returned and `drawn` what plots.draw_all returned for the same
    arguments; None makes them here. `about` adds rows to the table of origin, such as the names of files.
    UserError as gap.compare.
    """
    measured = measured or compare(transfer, text, images, pairs, seed=seed)
    drawn = drawn or draw_all(transfer, text, images, pairs, seed)
    dimension = transfer.space.dimension
    title = f"The gap between text and image vectors: {transfer.method}"
    sections = (
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{escape(str(transfer.space))}</p>',
        _tiles(measured),
        _notes(measured, transfer),
        "<h2>What was measured on what</h2>",
        _parts(measured),
        "<h2>Plots</h2>",
        *(_figure(name, svg(figure, name.replace(" ", "-")), words) for name, (figure, words) in drawn.items()),
        "<h2>All figures</h2>",
        _metrics(measured, dimension),
        f'<p class="soft">{INTERVALS}</p>',
        "<h2>Where it comes from</h2>",
        _origin(transfer, about or {}),
    )
    return page(title, sections)


def _tiles(report: GapReport) -> str:
    cells = []
    for metric, words in TILES:
        if metric not in report.after:
            continue
        after, before = report.after[metric], report.before.get(metric)
        start = f"<span>{before.value:.3f} →</span> " if before else ""
        cells.append(
            f'<div><b>{_name(metric)}</b><div class="value">{start}{after.value:.3f}</div>'
            f"<small>after: {after.low:.3f} to {after.high:.3f}</small><small>{escape(words)}</small></div>"
        )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _notes(report: GapReport, transfer: Transfer) -> str:
    """What a reader must know before believing the figures; nothing where there is nothing."""
    notes, dimension = [], transfer.space.dimension
    if report.parts["text"].in_fit:
        notes.append(
            "The fitted move has seen the held-out rows: they took part in its fit, so the figures under <i>after</i> "
            "flatter it a little. The figures under <i>cross-fitted</i> do not."
        )
    elif report.parts["text"].in_fit is None:
        notes.append(
            "It is not known whether these rows took part in the fit of the move. If they did, the figures under "
            "<i>after</i> flatter it a little; those under <i>cross-fitted</i> do not."
        )
    few = {side: part.held_out for side, part in report.parts.items() if part.held_out < dimension and side != "pairs"}
    for side, rows in few.items():
        names = ", ".join(_name(metric) for metric in NEEDS_ROWS)
        notes.append(
            f"{rows:,} held-out {'texts' if side == 'text' else side} are fewer than the {dimension:,} dimensions. "
            f"The figures marked * ({names}) then describe the sample more than the encoder, "
            "beyond what their intervals say."
        )
    if transfer.noise_cosine is not None:
        notes.append(
            f"The method's noise (cosine {transfer.noise_cosine:g}) is drawn when vectors are read for training. "
            "It is in none of these figures."
        )
    if "pairs" not in report.parts:
        notes.append(
            "There are no pairs of texts with their own images, so nothing here says whether meaning survived."
        )
    return f'<div class="notes"><ul>{"".join(f"<li>{note}</li>" for note in notes)}</ul></div>' if notes else ""


def _parts(report: GapReport) -> str:
    seen = {True: "yes", False: "no", None: "not known"}
    rows = [
        (side, f"{part.statistics:,}", f"{part.held_out:,}", seen[part.in_fit]) for side, part in report.parts.items()
    ]
    head = ("side", "rows of the statistics part", "rows of the held-out part", "seen by the fitted move")
    words = (
        "All figures are measured on the held-out part. <i>Before</i>: texts as encoded. <i>After</i>: texts moved by "
        "the fitted move. <i>Cross-fitted</i>: texts moved by the same method, fitted anew on the statistics part "
        "alone, where pairs count as loose texts and images; for paired figures on the statistics part of the pairs, "
        "which are often of another kind than the texts. Images enter as the method uses them."
    )
    return f"<p>{words}</p>{table(head, rows)}"


def _figure(name: str, picture: str, words: str) -> str:
    label = escape(words, quote=True)
    picture = picture.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    narrow = ' class="narrow"' if name == "spectra" else ""
    return f"<figure{narrow}>{picture}<figcaption>{label}</figcaption></figure>"


def _metrics(report: GapReport, dimension: int) -> str:
    few = any(report.parts[side].held_out < dimension for side in ("text", "images"))
    head = ("metric", "before", "after", "cross-fitted", "change", "how to read it")
    bodies = []
    for group, metrics in GROUPS.items():
        found = [metric for metric in metrics if metric in report.after or metric in report.cross_fitted]
        if not found:
            continue
        rows = "".join(_metric(metric, report, few and metric in NEEDS_ROWS) for metric in found)
        bodies.append(f'<tbody class="group"><tr><th colspan="{len(head)}">{escape(group)}</th></tr>{rows}</tbody>')
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead>{"".join(bodies)}</table></div>'


def _metric(metric: str, report: GapReport, is_doubtful: bool) -> str:
    before, after = report.before.get(metric), report.after.get(metric)
    word = ""
    if before and after:
        target = report.after.get(metric.replace("_text", "_image")) if metric.endswith("_text") else None
        word = change(metric, before, after, target)
    cells = "".join(
        f'<td class="number">{_estimate(state.get(metric))}</td>'
        for state in (report.before, report.after, report.cross_fitted)
    )
    mark = ' <span title="few rows for this many dimensions">*</span>' if is_doubtful else ""
    return (
        f'<tr><th scope="row">{_name(metric)}{mark}</th>{cells}<td class="{word or "soft"}">{word}</td>'
        f'<td class="reading">{escape(explain(metric))}</td></tr>'
    )


def _estimate(found: Estimate | None) -> str:
    if found is None:
        return ""
    plain = "" if found.plain is None else f"<small>plain {found.plain:.3f}</small>"
    return f"{found.value:.3f}<small>{found.low:.3f} to {found.high:.3f}</small>{plain}"


def _origin(transfer: Transfer, about: Mapping[str, str]) -> str:
    """The manifest of the move, whatever its method holds, and the packages at work."""
    rows = [("method", transfer.method), ("encoder", transfer.space.encoder), ("revision", transfer.space.revision)]
    rows += [("dimensions", f"{transfer.space.dimension:,}"), ("fitted move", transfer.version())]
    rows += [(f"{side} vectors behind the move", f"{n:,}") for side, n in transfer.counts.items()]
    rows += [("passes", f"{transfer.passes}")] if transfer.passes else []
    errors = transfer.standard_errors.items()
    rows += [(f"standard error of the {side} mean, as a distance", f"{error:.4f}") for side, error in errors]
    for name, values in transfer.parameters.items():
        shape = " x ".join(str(length) for length in values.shape)
        rows.append((name.replace("_", " "), f"{float(values.ravel()[0]):.4f}" if values.size == 1 else
                     f"{shape} numbers, length {float((values**2).sum()) ** 0.5:.4f}"))  # fmt: skip
    rows += [
        (f"version of {package}", found) for package in ("unicorn-assets", "numpy") if (found := _version(package))
    ]
    cells = (
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in [*about.items(), *rows]
    )
    return f'<table class="origin"><tbody>{"".join(cells)}</tbody></table>'


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _name(metric: str) -> str:
    return escape(metric.replace("_recall_", " recall@").replace("_", " ").replace("knn", "k-NN"))
