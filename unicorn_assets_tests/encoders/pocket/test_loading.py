"""Loading leaves no trace: no network, no changed log, no name of a machine's folders, no large file."""

import json
import logging
import socket

import pytest

from tools.pocket.config import OPEN_CLIP_CONFIG
from unicorn_assets.encoders.pocket.encoder import PocketEncoder
from unicorn_assets.encoders.pocket.files import CONFIG, model_folder

LARGEST = 11_000_000  # bytes: the image tower has 3.4 million weights of 2 bytes, its head 1.8 million


def test_no_network_and_the_log_stays_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as hub

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("network used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    root = logging.getLogger()
    before = (list(root.handlers), list(root.filters), root.level, hub.HF_HUB_OFFLINE)
    assert PocketEncoder().encode_texts(["a dog"]).shape == (1, 256)
    assert (list(root.handlers), list(root.filters), root.level, hub.HF_HUB_OFFLINE) == before


@pytest.mark.parametrize("width", ["narrow", "wide"])
def test_the_shipped_config_is_the_code_s_and_names_no_folder(width: str) -> None:
    config = json.loads((model_folder(width) / CONFIG).read_text(encoding="utf-8"))
    assert config == OPEN_CLIP_CONFIG
    names = [value for value in config["model_cfg"]["text_cfg"].values() if isinstance(value, str)]
    assert names
    assert not any(name.startswith(("/", "~", ".")) for name in names)


@pytest.mark.parametrize("width", ["narrow", "wide"])
def test_every_shipped_file_is_small(width: str) -> None:
    assert all(file.stat().st_size < LARGEST for file in model_folder(width).iterdir())
