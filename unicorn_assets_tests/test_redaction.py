"""What counts as a secret, in which forms it is found, and what is left alone."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets import redaction
from unicorn_assets.errors import UserError
from unicorn_assets.redaction import GONE, identify, learn, redact, remember, remember_variable
from unicorn_assets_tests.costs import grows_with_length

SECRET = "pa55/w0rd+x"


@pytest.fixture(autouse=True)
def own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_remembered", set())
    monkeypatch.setattr(redaction, "_variables", set())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("s3://me:SECRET1@host/bucket", "s3://***@host/bucket"),
        ("http://SECRET1@host:8000/v1", "http://***@host:8000/v1"),
        ("postgresql://me:SECRET1/x@db:5432/a and more", "postgresql://***@db:5432/a and more"),
        ("http://a:SECRET1@x@host/", "http://***@host/"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Credential=SECRET1&X-Amz-Date=1&X-Amz-Signature=SECRET2", "X-Amz-Date=1"),
        ("https://h/?AWSAccessKeyId=SECRET1&Expires=1&Signature=SECRET2", "Expires=1"),
        ("https://a.blob.core.windows.net/c/f?sv=2022&se=SECRET1&sig=SECRET2%3D", "sv=2022"),
        ("https://storage.googleapis.com/b?GoogleAccessId=SECRET1&x=1", "x=1"),
        ("https://h/f?api_key=SECRET1#part", "#part"),
        ("https://h/f?a=1&amp;token=SECRET1&amp;b=2", "b=2"),
        ('{"url": "https://h/f?a=1\\u0026access_token=SECRET1"}', '"}'),
        ("Authorization: Bearer SECRET1", "Authorization: ***"),
        ("{'Authorization': 'Basic SECRET1'}", "{'Authorization': '***'}"),
        ('{\\"authorization\\": \\"Bearer SECRET1\\"}', "authorization"),
        ("Invalid header value b'Bearer SECRET1\\nx'", "Invalid header value"),
        ("X-Api-Key: SECRET1", "X-Api-Key: ***"),
        ("password=SECRET1, user=me", "user=me"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=SECRET1==;x=1", "AccountName=a"),
        ("vllm serve m --api-key SECRET1 --port 1", "--port 1"),
        ("['vllm', '--api-key', 'SECRET1', '--port']", "'--port'"),
    ],
)
def test_what_looks_like_a_secret_goes_and_the_rest_stays(text: str, kept: str) -> None:
    told = redact(text.replace("SECRET1", "Zq81LmwPx7").replace("SECRET2", "Bv93KdhTy2"))
    assert "Zq81LmwPx7" not in told
    assert "Bv93KdhTy2" not in told
    assert kept in told
    assert redact(told) == told


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-4f9a8b7c6d5e4f3a", "sk-abcdefgh", "hf_aBcDeFgHiJkLmNoP", "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "xoxb-123456789012-ab",
        "AIzaSyA1234567890abcdefghijklmnopqrstu", "ASIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc123", "github_pat_11ABCDEFG0abcdefghij",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_keys_are_known_by_their_shape(key: str) -> None:
    assert redact(f"wrong key ({key}), ask somebody") == f"wrong key ({GONE}), ask somebody"


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8000/v1 gives 404; ask me@example.org", "s3://bucket/a:b@c/file", "a lamp, 3 > 2, max_tokens: 60",
        "set llm.api_key_env: OPENAI_KEY", "the environment variable KEY (llm.api_key_env) is empty",
        "https://host/file.csv?version=3&part=2", "a task-list of sketchy desks", "12,345 tokens: 60 tokens/s",
        "captions: 100 rows, tokens 3,000, tokens/s 12", "there is no shard 'a-0001'; token limit", "C:\\a\\b@c",
    ],
)  # fmt: skip
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert redact(text) == text
    assert identify(text) == text


@pytest.mark.parametrize(
    "form",
    [
        SECRET, quote(SECRET, safe=""), quote_plus(SECRET), json.dumps(SECRET)[1:-1], f"Basic {SECRET}",
        base64.b64encode(SECRET.encode()).decode(), base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.b64encode(f"me:{SECRET}".encode()).decode(), base64.b64encode(f"i:{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(), SECRET.encode().hex(),
    ],
)  # fmt: skip
def test_a_remembered_secret_goes_in_every_form(form: str) -> None:
    remember(SECRET)
    told = redact(f"before {form} after")
    assert form not in told
    assert SECRET not in told
    assert told.startswith("before ")
    assert told.endswith(" after")


@pytest.mark.parametrize("key", ["first-part\nX-Second: part-two", "schlüssel-äöü-länger", "quote\"s'and\\slashes"])
def test_odd_keys_go_escaped_too(key: str) -> None:
    remember(key)
    told = redact(" | ".join([key, repr(key), json.dumps(key), ascii(key), repr(key.encode()), " ".join(key.split())]))
    for part in (*key.split(), repr(key)[1:-1], json.dumps(key)[1:-1]):
        assert part not in told or len(part) < 8


def test_variables_of_the_environment_are_known_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG")
    monkeypatch.setenv("MY_SERVER", "unusual-word")
    monkeypatch.setenv("UNICORN_HOME", "/home/me/data")
    assert redact("wJalrXUtnFEMI/K7MDENG unusual-word /home/me/data") == f"{GONE} unusual-word /home/me/data"
    remember_variable("MY_SERVER")
    remember_variable(None)
    assert redact("an unusual-word") == f"an {GONE}"


def test_short_secrets_do_not_spoil_other_words() -> None:
    remember("abc")
    remember("lamp")
    assert redact("abc lampshade lamp") == f"abc lampshade {GONE}"


def test_a_message_cut_within_a_key_tells_no_part_of_it() -> None:
    remember("0123456789abcdefghij")
    assert redact("the server says: wrong key 0123456789abc…") == f"the server says: wrong key {GONE}…"


def test_what_a_recipe_says_is_learnt_and_then_known_alone() -> None:
    learn("https://me:hunter22x@host/f?sig=QQlll123")
    assert redact("refused hunter22x, QQlll123") == f"refused {GONE}, {GONE}"


def test_sources_that_differ_in_their_secret_stay_two() -> None:
    one, two = identify("https://h/f?sig=aaaaaaaa"), identify("https://h/f?sig=bbbbbbbb")
    assert one != two
    assert one.startswith("https://h/f?sig=***#")
    assert "aaaaaaaa" not in one


def test_an_error_loses_its_secrets_where_it_is_made() -> None:
    error = UserError("no answer from http://me:hunter22@h/v1", "look at https://h/?token=abcdef")
    assert "hunter22" not in f"{error} {error!r} {error.message}"
    assert "abcdef" not in f"{error} {error!r} {error.hint}"


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(min_size=8, max_size=40).filter(lambda s: len(s.strip()) >= 8), st.text())
def test_no_text_around_it_hides_a_known_secret(before: str, secret: str, after: str) -> None:
    redaction._remembered = {secret}
    told = redact(before + secret + after)
    assert secret not in told or secret in before + GONE + after


@pytest.mark.parametrize(
    "piece", ["a://", "sk-", "://a:", "?a_a_a_", "x_api_", "Bearer ", "eyJaaaaaaaa.", "-----BEGIN "]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    assert grows_with_length(redact, "", piece, 100_000)
