"""Figures from /metrics: of vLLM, of other servers, of none."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unicorn_assets.llm.endpoints.metrics import VllmFigures, figures_of, vllm_metrics

# Lines as vLLM 0.32 writes them, here of two engines.
TEXT = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:generation_tokens_total{engine="0",model_name="m {odd}"} 1.5e+03
vllm:generation_tokens_total{engine="1",model_name="m"} 7.0
vllm:generation_tokens_created{engine="0",model_name="m"} 1.763858e+09
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 400.0
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 100.0
"""


@pytest.fixture
def serve():
    """Starts a server whose GET /metrics is answered by a function of the handler; gives its base URL."""
    servers = []

    def start(answer):
        handler = type("Handler", (BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": lambda *_: None})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def text(body):
    def answer(handler):
        handler.send_response(200 if handler.path == "/metrics" else 404)
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def test_figures_are_sums_over_engines(serve):
    expected = VllmFigures(7, 0, 0.5, 1507, 0.25)
    assert figures_of(TEXT) == expected
    assert vllm_metrics(serve(text(TEXT))) == expected


def test_what_is_not_told_is_none():
    assert figures_of('vllm:num_requests_running{engine="0"} NaN\n') == VllmFigures(None, None, None, None, None)
    assert figures_of("vllm:prefix_cache_queries_total 0.0\n").prefix_cache_hit_share is None


def test_other_servers_and_no_server_give_none(serve):
    assert vllm_metrics(serve(text("llamacpp:requests_processing 1\n"))) is None
    assert vllm_metrics(serve(lambda handler: handler.send_error(404))) is None
    assert vllm_metrics(serve(lambda handler: handler.wfile.write(b"no http at all\n"))) is None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert vllm_metrics(f"http://127.0.0.1:{taken.getsockname()[1]}/v1") is None


def test_a_server_that_drips_is_left(serve):
    ended = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        deadline = time.monotonic() + 20
        while not ended.wait(0.02) and time.monotonic() < deadline:
            try:
                handler.wfile.write(b"vllm:num_requests_running 1.0\n")
            except OSError:
                break
        else:
            return
        ended.set()

    assert vllm_metrics(serve(drip), timeout_s=0.2) is None
    assert ended.wait(20), "the connection was kept"
