"""The model card, made from metrics.json so that the two cannot disagree. Its prose lives in card.md."""

import json
from pathlib import Path
from string import Template
from typing import Any

CARD, METRICS = "README.md", "metrics.json"

ASKED = {
    "seen_concepts": "seen concepts, among pictures of seen concepts",
    "held_out_concepts": "held-out concepts, among pictures of held-out concepts",
    "held_out_concepts_all_pictures": "held-out concepts, among all pictures",
}


def read_metrics(folder: Path) -> dict[str, Any]:
    """What training measured on the encoder in `folder`."""
    metrics: dict[str, Any] = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    return metrics


def render(metrics: dict[str, Any]) -> str:
    """The card of one trained encoder as Markdown."""
    template = Template(Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
    seen = metrics["pairs"] - metrics["held_out_pairs"]
    sizes = {
        "seen_concepts": (seen, seen),
        "held_out_concepts": (metrics["held_out_pairs"], metrics["held_out_pairs"]),
        "held_out_concepts_all_pictures": (metrics["held_out_pairs"], metrics["pairs"]),
    }
    found = metrics["retrieval"]
    kinds = list(found)
    retrieval = [
        f"| {words} | {sizes[name][0]:,} | {sizes[name][1]:,} | "
        + " | ".join(_shares(found[kind][name]) for kind in kinds)
        + f" | {100 / sizes[name][1]:.2f} |"
        for name, words in ASKED.items()
    ]
    gap = [
        f"| {name.replace('_', ' ')} | " + " | ".join(f"{metrics['gap'][kind][name]:.3f}" for kind in kinds) + " |"
        for name in metrics["gap"]["caption"]
    ]
    drawn = metrics["trained_pictures"]
    return template.substitute(
        metrics,
        retrieval="\n".join(retrieval),
        gap="\n".join(gap),
        **{name: metrics["training"][name] for name in ("seed", "steps", "captions", "views", "seconds")},
        scale="learned" if metrics["width"] == "narrow" else "fixed",
        trained_total=f"{sum(drawn.values()):,}",
        vendors=", ".join(f"{vendor} {count:,}" for vendor, count in drawn.items()),
    )


def _shares(row: dict[str, float]) -> str:
    return " / ".join(f"{row[f'recall_{k}']:.1f}" for k in (1, 5, 10))
