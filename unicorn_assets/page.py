"""The frame of the HTML pages that a lake holds: one file each, with its style inside and no network address.

Here: the page around sections, and tables. Not here: what a page says (gap/report.py, health/page.py).
"""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path


def page(title: str, sections: Iterable[str], style: str = "") -> str:
    """A whole document; `sections` are HTML, `title` is text, `style` is CSS beyond the common one."""
    common = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{common}{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
