"""The model card, made from metrics.json so that the two cannot disagree."""

from typing import Any

CARD = "README.md"


def render(metrics: dict[str, Any]) -> str:
    """The card as Markdown."""
    return ""
