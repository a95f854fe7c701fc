import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "architecture.py"


def test_the_page_draws_the_graph_as_it_is() -> None:
    """After a change of graph.py: python scripts/architecture.py"""
    module = runpy.run_path(str(SCRIPT))
    text = module["FILE"].read_text(encoding="utf-8")
    assert module["page"](text) == text
    assert text.count("flowchart") == 1
