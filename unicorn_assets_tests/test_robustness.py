"""Every promise of docs/robustness.md names a test that there is."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", (TESTS.parent / "docs" / "robustness.md").read_text(encoding="utf-8"))


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) > 40
    text = {path: (TESTS / path).read_text(encoding="utf-8") for path, _ in NAMED}
    assert [f"{path}::{name}" for path, name in NAMED if not re.search(rf"(def |^){name}\b", text[path], re.M)] == []
