import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.seeds.normalise import lost_character, normalise, printable


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  a  cat\t on\r\na mat ", "a cat on a mat"),
        ("cafe\u0301", "caf\u00e9"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("a\x00b\x07c\x7f", "abc"),
        ("\ufeffa dog\u200b", "a dog"),
        ("soft\u00adhyphen \u202eoverride\u202c", "softhyphen override"),
        ("line\u2028separator\x85next", "line separator next"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),  # the joiner of emoji stays
        ("e\u200b\u0301", "\u00e9"),
        ("\x00\u200b \t", ""),
    ],
)
def test_known_forms(raw: str, text: str) -> None:
    assert normalise(raw) == text


@given(st.text())
def test_twice_is_once_and_no_control_character_stays(raw: str) -> None:
    text = normalise(raw)
    assert normalise(text) == text
    assert unicodedata.is_normalized("NFC", text)
    assert not [c for c in text if unicodedata.category(c) == "Cc"]
    assert text == text.strip()
    assert "  " not in text


@given(st.text(st.characters(codec="utf-8")))
def test_whole_text_is_not_called_damaged(raw: str) -> None:
    assert lost_character(raw.replace("\ufffd", "")) is None
    assert printable(raw) == raw


def test_damage_is_named() -> None:
    assert "byte 0xE9 at character 4" in str(lost_character("caf\udce9"))
    assert "U+FFFD at character 2" in str(lost_character("a\ufffd"))
    assert "U+D800" in str(lost_character("\ud800"))
    assert printable("caf\udce9") == "caf\\xe9"
    assert printable("\ud800").isascii()
