"""What a stage is told about the rows that are asked."""

from collections import Counter

from aiohttp import web

from unicorn_assets.generation.asking import Asker
from unicorn_assets.lake.files import Files
from unicorn_assets.llm.settings import Price
from unicorn_assets.progress import Figures
from unicorn_assets.resources.progress_observer import ProgressObserver
from unicorn_assets_tests.llm.faulty_server import FaultyServer
from unicorn_assets_tests.llm.rows import Row, rows, settings_for


class Listener:
    """A stage that counts, and reads the figures whenever it is told something."""

    def __init__(self):
        self.rows, self.counters = 0, Counter()
        self.figures = dict
        self.most: Figures = {}

    def advance(self, rows=1, **counters):
        self.rows += rows
        self.counters.update(counters)
        for name, value in self.figures().items():
            self.most[name] = max(self.most.get(name, value), value)

    def read(self, figures):
        self.figures = figures

    def close(self):
        pass


class Vllm(FaultyServer):
    """It also has vLLM's /metrics."""

    metrics = 0

    def more_routes(self):
        return [web.get("/metrics", self._metrics)]

    async def _metrics(self, request):
        self.metrics += 1
        return web.Response(text='vllm:num_requests_running{a="b"} 3\nvllm:kv_cache_usage_perc{a="b"} 0.25\n')


def ask(lake, server, work):
    stage = Listener()
    settings = settings_for(server.url, price=Price(prompt=1000, completion=2000), concurrency=4, max_drafts=2)
    with Asker(settings, str(lake), Files(str(lake))) as asker:
        question, _ = asker.asking(ProgressObserver(stage, asker).listen)
        list(question(work))
    return stage


def test_rows_tokens_refusals_and_money_are_told_and_replays_marked(tmp_path):
    with FaultyServer(latency=0.01) as server:
        first = ask(tmp_path, server, [*rows(20), Row(20, refuse=1), Row(21, refuse=9)])
        assert first.rows == 22
        expected = {"accepted": 21, "quarantined": 1, "rejected": 3, "tokens": 24 * 5}
        assert {name: first.counters[name] for name in expected} == expected
        assert first.counters["replayed"] == 0
        assert 1 <= first.most["in flight"] <= 4
        assert first.most["USD"] == round(24 * 0.017, 6)
        again = ask(tmp_path, server, [*rows(20), Row(20, refuse=1), Row(99, prompt="new")])
        assert (again.rows, again.counters["replayed"], again.counters["tokens"]) == (22, 21, 5)


def test_further_questions_about_a_row_are_not_rows(tmp_path):
    with FaultyServer() as server:
        work = rows(4)
        for row in work[2:]:
            row.row_id = f"{work[0].row_id}#{row.number}"
        assert ask(tmp_path, server, work).rows == 2


def test_figures_of_vllm_are_read_now_and_then(tmp_path):
    with Vllm() as server:
        stage = ask(tmp_path, server, rows(50))
        assert stage.most["vLLM"] == "(3 running, 0 waiting, KV cache 25%)"
        assert server.metrics == 1
