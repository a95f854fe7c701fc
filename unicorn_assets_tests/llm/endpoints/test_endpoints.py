"""Servers by URL: what is wrong is said before the first row."""

import socket

import pytest
from pydantic import ValidationError

from unicorn_assets.errors import UserError
from unicorn_assets.llm.client.engine import generate
from unicorn_assets.llm.endpoints import open_endpoint
from unicorn_assets.llm.endpoints.url import normalise
from unicorn_assets.llm.errors import ServerBroken
from unicorn_assets.llm.journal import Journal
from unicorn_assets.llm.settings import LlmSettings
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import rows, settings_for


@pytest.mark.parametrize(
    "url",
    ["http://h:8000", "http://h:8000/", "http://h:8000/v1", "http://h:8000/v1/", "http://h:8000/v1/chat/completions"],
)
def test_all_spellings_of_a_base_url(url):
    assert normalise(url) == "http://h:8000/v1"


def test_a_gateway_path_is_kept():
    assert normalise("https://h/openai/v1") == "https://h/openai/v1"


def start(settings):
    with open_endpoint(settings) as endpoint:
        return endpoint.base_urls


def test_absent_server():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match="No server answers"):
            start(settings_for(url))


def test_key_from_the_environment(monkeypatch):
    with FaultyServer() as server:
        server.key = "right-key"
        with pytest.raises(UserError, match=r"refuses a request without a key"):
            start(settings_for(server.url))
        with pytest.raises(UserError, match="MY_KEY"):
            start(settings_for(server.url, api_key_env="MY_KEY"))
        monkeypatch.setenv("MY_KEY", "wrong-key")
        with pytest.raises(UserError, match=r"the key in \$MY_KEY") as refused:
            start(settings_for(server.url, api_key_env="MY_KEY"))
        assert "wrong-key" not in str(refused.value)
        monkeypatch.setenv("MY_KEY", "right-key")
        assert start(settings_for(server.url, api_key_env="MY_KEY")) == (f"{server.url}/v1",)


def test_a_list_without_the_model_is_a_warning_that_lists_what_there_is(caplog):
    with FaultyServer() as server:
        server.models = ["a", "b"]
        start(settings_for(server.url))
    (record,) = caplog.records
    assert "lists no model 'm', but 2 others, such as a, b" in record.getMessage()


def test_an_address_that_is_no_model_server_ends_with_its_first_answer(tmp_path, caplog):
    with FaultyServer() as server, Journal.open(str(tmp_path)) as journal:
        settings = settings_for(f"{server.url}/somewhere/v1")
        with open_endpoint(settings) as endpoint, pytest.raises(ServerBroken, match="does not serve this") as broken:
            list(generate(rows(50), endpoint, journal, settings))
    assert "check llm.url" in broken.value.hint
    assert "GET /models gave HTTP 404" in caplog.text


def test_one_server_of_a_fleet_suffices_to_start():
    with FaultyServer() as server:
        urls = start(settings_for("http://127.0.0.1:9", server.url))
    assert urls == ("http://127.0.0.1:9/v1", f"{server.url}/v1")
    assert open_endpoint(settings_for("http://127.0.0.1:9", "http://127.0.0.1:8")).server_count == 2  # before it starts


def test_not_a_url():
    with pytest.raises(ValidationError, match="no address"):
        settings_for("localhost:8000")


def test_settings_name_what_is_missing():
    with pytest.raises(ValidationError, match="needs `url`"):
        LlmSettings(endpoint="url")
    with pytest.raises(ValidationError, match="remove `url`"):
        LlmSettings(url="http://h")
    with pytest.raises(ValidationError, match="extra"):
        LlmSettings(temprature=1)
