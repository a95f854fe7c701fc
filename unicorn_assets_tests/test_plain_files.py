"""Files of strangers: a pipe is not waited for, a size is kept, a name is one printable line."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.plain_files import open_plain, read_plain, shown


def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"abc")
    Path("link").symlink_to("file")
    assert read_plain("file", 3) == read_plain("link", 3) == b"abc"
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        for name in ("pipe", "folder", "device", "socket"):
            with pytest.raises(OSError, match=f"it is a {name}, not a file"):
                open_plain(name)
    for name in ("gone", "a\0b", "x" * 5000):
        with pytest.raises(OSError, match=r"\w"):
            open_plain(name)
    with pytest.raises(OSError, match="larger than 2 bytes"):
        read_plain("file", 2)


@given(st.binary(min_size=1, max_size=40) | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_any_name_is_one_printable_line_of_text(name: bytes) -> None:
    told = shown(os.fsdecode(name))
    assert told.isprintable()
    told.encode()


def test_readable_names_stay() -> None:
    for name in ("a.png", "é 漢字.png", "[b] 'c' \\.tar"):
        assert shown(name) == name
    assert shown("a\nb\x1b\u202e\udcff\ud800") == "a\\nb\\x1b\\u202e\\udcff\\ud800"
