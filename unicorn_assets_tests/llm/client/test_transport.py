"""Whatever a server sends is an answer or a failure in words: nothing raises, nothing grows, no key is told."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib

import pytest

from unicorn_assets import redaction
from unicorn_assets.llm.client.transport import Transport
from unicorn_assets.llm.client.unpacking import unpack
from unicorn_assets.llm.failure import LONGEST_RETRY_AFTER_S, Failure, parse_retry_after
from unicorn_assets.llm.request import Answer, ChatRequest
from unicorn_assets.llm.settings import Sampling, Wire
from unicorn_assets.llm.shaping import Shaper
from unicorn_assets_tests.llm.client.raw_server import raw, raw_server, reply
from unicorn_assets_tests.llm.faulty_server import completion

KEY = "not-to-be-told-0815"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}, "required": ["a"]}
MESSAGES = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"})
REQUEST = ChatRequest(MESSAGES, Sampling(), 7, SCHEMA)
MOST = 1 << 16
GOOD = json.dumps(completion("hello"))


def ask(send, request=REQUEST, timeout_s=5.0, wire=None, requests=None):
    async def once(url):
        headers = {"Authorization": f"Bearer {KEY}"}
        async with Transport("m", headers, timeout_s, MOST, Shaper(wire)) as transport:
            return await transport.ask(f"{url}/chat/completions", request, "key", 1)

    redaction.remember(KEY)
    with raw_server(send, requests) as url:
        return asyncio.run(once(url))


def error(message, **more):
    return json.dumps({"error": {"message": message, **more}})


def chunked(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data


def usage(text: str) -> str:
    return GOOD.replace('"prompt_tokens": 7', f'"prompt_tokens": {text}')


def endless(connection):
    connection.sendall(chunked(b""))
    for _ in range(4000):
        connection.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")


def dripping(connection):
    connection.sendall(chunked(b""))
    for _ in range(100):
        connection.sendall(b"1\r\n \r\n")
        time.sleep(0.02)


def silent(connection):
    connection.recv(1)


def stream(connection):
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"choices": []}\n\n')
    connection.recv(1)


BOMB = gzip.compress(b" " * (64 << 20), 9)
EVIL = "\x1b]0;owned\x07\x1b[31mred \u202egnp.exe [/] [bold]"
REDIRECT = "Location: http://elsewhere.example/v1?key=abc"

# What is sent, the reason (None: an answer, or a reason that to_answer may choose), and what the failure must be.
CASES = {
    "good": (reply(200, GOOD), None, {}),
    "good, packed": (reply(200, gzip.compress(GOOD.encode()), "Content-Encoding: gzip"), None, {}),
    "good, deflated": (reply(200, zlib.compress(GOOD.encode()), "Content-Encoding: deflate"), None, {}),
    "good, in chunks": (raw(chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD.encode()))), None, {}),
    "201": (reply(201, GOOD), None, {}),
    "html": (reply(200, "<!doctype html><h1>Log in</h1>"), "not_an_answer", {}),
    "no json": (reply(200, EVIL), "not_an_answer", {}),
    "empty": (reply(200, ""), "not_an_answer", {}),
    "cut off": (reply(200, GOOD[:60]), "not_an_answer", {}),
    "bytes": (reply(200, b'{"choices":[{"message":{"content":"\xff\xfe caf\xe9"}}]}'), "not_an_answer", {}),
    "deep": (reply(200, '{"choices":' + "[" * 60_000), "not_an_answer", {}),
    "deep and closed": (reply(200, '{"choices":' + "[" * 9000 + "]" * 9000 + "}"), "not_an_answer", {}),
    "204": (raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), "not_an_answer", {}),
    "stream": (stream, "not_an_answer", {}),
    "too large": (reply(200, b" " * (MOST + 1)), "answer_too_large", {}),
    "too large to be true": (reply(200, "{}", length=10**15), "answer_too_large", {}),
    "endless": (endless, "answer_too_large", {}),
    "bomb": (reply(200, BOMB, "Content-Encoding: gzip"), "answer_too_large", {}),
    "bomb with an error": (reply(500, BOMB, "Content-Encoding: gzip"), "answer_too_large", {}),
    "no gzip": (reply(200, b"\x1f\x8bgarbage", "Content-Encoding: gzip"), "not_an_answer", {}),
    "half a gzip": (reply(200, gzip.compress(GOOD.encode())[:-9], "Content-Encoding: gzip"), "not_an_answer", {}),
    "brotli": (reply(200, b"\x0b\x02\x80{}\x03", "Content-Encoding: br"), "not_an_answer", {}),
    "many codings": (reply(200, GOOD, "Content-Encoding: gzip, gzip"), "not_an_answer", {}),
    "inf": (reply(200, usage("1e999")), None, {}),
    "Infinity": (reply(200, usage("Infinity")), None, {}),
    "nan": (reply(200, usage("NaN")), None, {}),
    "huge usage": (reply(200, usage("1" + "0" * 30)), None, {}),
    "huge number": (reply(200, usage("1" + "0" * 6000)), None, {}),
    "negative usage": (reply(200, usage("-5")), None, {}),
    "usage in words": (reply(200, usage('"many"')), None, {}),
    "half a surrogate": (reply(200, GOOD.replace("hello", "\\ud83d")), None, {}),
    "200 with an error": (reply(200, error("upstream died")), "server_error", {"server_fault": True}),
    "200 with a text": (reply(200, '{"error": "upstream died"}'), "server_error", {"server_fault": True}),
    "200 with 429": (reply(200, error("slow", code=429), "Retry-After: 3"), "http_429", {"retry_after": 3.0}),
    "200 with '502'": (reply(200, error("bad", code="502")), "http_502", {"server_fault": True}),
    "200 with 401": (reply(200, error("no", code=401)), "http_401", {"fatal": True}),
    "200 with another code": (reply(200, error("no", code=10**40)), "server_error", {"server_fault": True}),
    "200 without choices": (reply(200, '{"choices": [], "usage": {}}'), "server_error", {"server_fault": True}),
    "200 with null": (reply(200, '{"choices": null}'), "server_error", {"server_fault": True}),
    "choice with an error": (
        reply(200, '{"choices": [{"error": {"message": "x"}, "message": {"content": ""}}]}'), "server_error", {},
    ),
    "400": (reply(400, error("context length exceeded")), "bad_request", {"refusal": True, "fatal": False}),
    "401": (reply(401, error(f"invalid key: Bearer {KEY}")), "http_401", {"fatal": True}),
    "402": (reply(402, error("insufficient balance")), "http_402", {"fatal": True}),
    "403": (reply(403, '{"error":"forbidden"}'), "http_403", {"fatal": True}),
    "404": (reply(404, error("The model `m` does not exist")), "http_404", {"fatal": True}),
    "413": (reply(413, error("too large")), "http_413", {"refusal": True}),
    "302": (reply(302, "", REDIRECT), "http_302", {"fatal": True}),
    "303": (reply(303, "", REDIRECT), "http_303", {"fatal": True}),
    "308 to nowhere": (reply(308, "", "Location: http://["), "http_308", {"fatal": True}),
    "429": (reply(429, error("slow"), "Retry-After: 2.5"), "http_429", {"retry_after": 2.5}),
    "429 for ever": (reply(429, "", "Retry-After: inf"), "http_429", {"retry_after": None}),
    "500": (reply(500, error(EVIL)), "http_500", {"server_fault": True}),
    "500, deep": (reply(500, "[" * 60_000), "http_500", {}),
    "500, deep and closed": (reply(500, "[" * 30_000 + "]" * 30_000), "http_500", {}),
    "500, a list": (reply(500, '[{"error": 5}]'), "http_500", {}),
    "500, a huge number": (reply(500, '{"error": {"message": 1' + "0" * 6000 + "}}"), "http_500", {}),
    "503 of the year 1": (reply(503, "{}", "Retry-After: Mon, 01 Jan 0001 00:00:00 -0000"), "http_503", {}),
    "999": (reply(999, "{}"), "http_999", {"server_fault": True}),
    "600": (reply(600, "{}"), "http_600", {}),
    "100 and no more": (raw(b"HTTP/1.1 100 Continue\r\n\r\n"), "connection_lost", {"lost": True}),
    "reset": (lambda connection: connection.close(), "connection_lost", {"lost": True}),
    "short": (reply(200, GOOD, length=MOST - 1), "connection_lost", {"lost": True}),
    "long header": (reply(200, GOOD, "X-Big: " + "a" * 100_000), "connection_lost", {"lost": True}),
    "many headers": (reply(200, GOOD, *(f"X-{n}: {KEY}" for n in range(2000))), "connection_lost", {"lost": True}),
    "odd header": (raw(b"HTTP/1.1 200 OK\r\nbroken " + KEY.encode() + b"\r\n\r\n{}"), "connection_lost", {}),
    "no HTTP": (raw(b"\x00\x01\x02 garbage\r\n\r\n"), "connection_lost", {"lost": True}),
    "bad chunks": (raw(chunked(b"zz\r\n")), "connection_lost", {"lost": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_whatever_comes_is_an_answer_or_a_failure_in_words(name):
    send, reason, expected = CASES[name]
    outcome = ask(send)
    if reason is None and isinstance(outcome, Answer):
        return
    assert isinstance(outcome, Failure)
    assert reason in (outcome.reason, None)
    for field, value in expected.items():
        assert getattr(outcome, field) == value, outcome
    told = f"{outcome.detail} {outcome.excerpt} {outcome.hint}"
    assert outcome.detail
    assert KEY not in told
    assert "abc" not in told  # of a redirect's query
    assert told.isprintable()
    assert len(outcome.detail) < 600


@pytest.mark.parametrize(("send", "reason"), [(dripping, "timeout"), (silent, "timeout")])
def test_a_server_that_does_not_end_is_a_timeout(send, reason):
    outcome = ask(send, timeout_s=0.3)
    assert isinstance(outcome, Failure)
    assert outcome.reason == reason


def test_a_bomb_is_not_unpacked():
    assert len(BOMB) < MOST * 2
    flat = zlib.compress(b" " * (1 << 24))
    tracemalloc.start()
    try:
        assert unpack(BOMB, "gzip", MOST) is None
        assert unpack(flat, "deflate", MOST) is None
        assert unpack(gzip.compress(b"") * 10 + BOMB, "gzip", MOST) is None
        assert tracemalloc.get_traced_memory()[1] < 8 * MOST + (1 << 20)
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError, match="too many pieces"):
        unpack(gzip.compress(b"") * 1000, "gzip", MOST)


@pytest.mark.parametrize("size", [0, 1, MOST - 1, MOST])
def test_what_fits_is_unpacked_whole(size):
    data = bytes(range(256)) * (MOST // 256)
    assert unpack(gzip.compress(data[:size]), "gzip", MOST) == data[:size]
    assert unpack(zlib.compress(data[:size])[2:-4], "deflate", MOST) == data[:size]
    half = gzip.compress(data[: size // 2]) + gzip.compress(data[size // 2 : size])
    assert unpack(half, "x-gzip", MOST) == data[:size]


def test_what_cannot_be_sent_is_a_failure_of_its_row():
    odd = ChatRequest(({"role": "user", "content": "x"},), Sampling(), 1)
    object.__setattr__(odd, "seed", object())
    outcome = ask(reply(200, GOOD), odd)
    assert isinstance(outcome, Failure)
    assert outcome.reason == "no_exchange"


def test_a_key_that_no_header_can_hold_is_a_failure_and_not_told():
    async def once():
        async with Transport("m", {"Authorization": f"Bearer {KEY}\r\nX: y"}, 1.0, MOST) as transport:
            return await transport.ask("http://127.0.0.1:9/v1/chat/completions", REQUEST, "key", 1)

    outcome = asyncio.run(once())
    assert isinstance(outcome, Failure)
    assert KEY not in outcome.detail


def test_nothing_is_asked_where_a_redirect_leads():
    followed: list[bytes] = []
    with raw_server(reply(200, GOOD), followed) as elsewhere:
        outcome = ask(reply(307, "", f"Location: {elsewhere}"))
    assert isinstance(outcome, Failure)
    assert not followed


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("nan", None), ("inf", None), ("-inf", None), ("1e400", None), ("-5", 0.0), ("1e300", LONGEST_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_S), ("Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 0001 00:00:00 -0000", 0.0), ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0), ("9" * 5000, None),
        ("Mon, 99 Foo 2024 77:00:00 GMT", None), ("\x00", None), (",", None),
    ],
)  # fmt: skip
def test_odd_times_to_wait(value, seconds):
    assert parse_retry_after(value) == seconds


def body_of(wire, request=REQUEST):
    requests: list[bytes] = []
    outcome = ask(reply(200, GOOD), request, wire=wire, requests=requests)
    assert isinstance(outcome, Answer)
    return json.loads(requests[0].partition(b"\r\n\r\n")[2])


def test_without_a_wire_the_body_is_what_it_always_was():
    requests: list[bytes] = []
    ask(reply(200, GOOD), requests=requests)
    assert requests[0].partition(b"\r\n\r\n")[2] == (
        b'{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello"}],"seed":7,'
        b'"temperature":0.7,"top_p":0.95,"max_tokens":400,"response_format":{"type":"json_schema","json_schema":'
        b'{"name":"answer","schema":{"type":"object","properties":{"a":{"type":"string","maxLength":9}},'
        b'"required":["a"]},"strict":true}}}'
    )


def test_the_wire_says_what_is_sent():
    wire = Wire(
        omit=("seed", "top_p"), rename={"max_tokens": "max_completion_tokens"}, schema_omit=("maxLength",),
        system="first_turn",
    )  # fmt: skip
    body = body_of(wire)
    assert body.keys() == {"model", "messages", "temperature", "max_completion_tokens", "response_format"}
    assert body["messages"] == [{"role": "user", "content": "Be brief.\n\nHello"}]
    assert body["max_completion_tokens"] == 400
    assert body["response_format"]["json_schema"]["schema"]["properties"] == {"a": {"type": "string"}}
    assert REQUEST.schema == SCHEMA


def test_json_without_a_schema_on_the_server_is_asked_for_in_words():
    body = body_of(Wire(response_format="json_object"))
    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON object")
    assert '"maxLength": 9' in body["messages"][0]["content"]
    body = body_of(Wire(response_format="none"))
    assert "response_format" not in body
    speaks = ChatRequest(({"role": "user", "content": "Answer in json: {}"},), Sampling(), 7, SCHEMA)
    assert body_of(Wire(response_format="none"), speaks)["messages"] == [dict(speaks.messages[0])]
    free = ChatRequest(MESSAGES, Sampling(), 7)
    assert body_of(Wire(response_format="json_object"), free)["messages"] == [dict(m) for m in MESSAGES]
