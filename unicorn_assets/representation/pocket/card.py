"""The model card, made from metrics.json so that the two cannot disagree. Its prose lives in card.md."""

from pathlib import Path
from string import Template
from typing import Any

CARD = "README.md"

ASKED = {
    "seen_concepts": "seen concepts, among pictures of seen concepts",
    "held_out_concepts": "held-out concepts, among pictures of held-out concepts",
    "held_out_concepts_all_pictures": "held-out concepts, among all pictures",
}


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
    retrieval = [
        f"| {words} | {sizes[name][0]:,} | {sizes[name][1]:,} | {_shares(found['caption'][name])} "
        f"| {_shares(found['sentence'][name])} | {100 / sizes[name][1]:.2f} |"
        for name, words in ASKED.items()
    ]
    gap = [
        f"| {name.replace('_', ' ')} | {metrics['gap']['caption'][name]:.3f} | {metrics['gap']['sentence'][name]:.3f} |"
        for name in metrics["gap"]["caption"]
    ]
    drawn = metrics["trained_pictures"]
    return template.substitute(
        metrics,
        retrieval="\n".join(retrieval),
        gap="\n".join(gap),
        rounds="\n".join(_round(number, row) for number, row in enumerate(metrics["rounds"], 1)),
        steps=f"{sum(row['steps'] for row in metrics['rounds']):,}",
        minutes=f"{sum(row['seconds'] for row in metrics['rounds']) / 60:.0f}",
        scale="learned" if metrics["width"] == "narrow" else "fixed",
        trained_total=f"{sum(drawn.values()):,}",
        vendors=", ".join(f"{vendor} {count:,}" for vendor, count in drawn.items()),
    )


def _round(number: int, row: dict[str, Any]) -> str:
    return f"| {number} | {row['steps']:,} | {row['captions']} | {row['seed']} | {row['seconds']:,} |"


def _shares(row: dict[str, float]) -> str:
    return " / ".join(f"{row[f'recall_{k}']:.1f}" for k in (1, 5, 10))
