"""What scripts/test-deploy does with its image: the services of docker-compose.yaml, a backfill, a kill, releases.

Every service is a process in the image's root, with the command and the environment that Compose would give it. Not
Compose's: the ports of PostgreSQL and S3, and the run launcher, for there is no Docker. Texts are encoded by this
checkout's environment, as on a cluster, where another image does it. Exit code 0 when the releases are there and no
question was asked twice that had been answered.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import polars as pl
import psutil
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)

from unicorn_assets.graph import ASSETS, RELEASES  # noqa: E402
from unicorn_assets.lake.released import latest_release  # noqa: E402
from unicorn_assets.lake.store import Lake  # noqa: E402
from unicorn_assets_tests import servers  # noqa: E402
from unicorn_assets_tests.plan.server import Scripted, write_recipe  # noqa: E402
from unicorn_assets_tests.servers import PostgresServer, S3Server  # noqa: E402

COMPOSE = yaml.safe_load((ROOT / "deploy" / "docker-compose.yaml").read_text())["services"]
SECRETS = {"DAGSTER_PG_PASSWORD": "test-secret", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"}
RECIPES = "/opt/unicorn/recipes"
DATA_SET = "mine"
REST = """
image_reference: {kind: pocket}
checks:
  {max_gap_after: 9, max_separability_after: 1, min_neighbour_overlap: 0, min_accepted_captions: 0, max_truncated: 1}
"""
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
FIRST = [name for name, asset in ASSETS.items() if asset.group in ("captions", "instructions") or name == "seeds"]
LAST = ["transfer", "image_embeddings", "modality_gap", *RELEASES]


def say(words: str) -> None:
    """A line of the record."""
    print(time.strftime("%H:%M:%S"), words, flush=True)


def interpolated(text: str) -> str:
    """A value of the Compose file with its ${VARIABLES}."""
    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", lambda m: SECRETS.get(m[1], m[3] if m[2] == "-" else ""), text)


class Image:
    """A working container of the image in which services run as in Compose: its hosts' names, user and environment."""

    def __init__(self, buildah: Sequence[str], container: str, folder: Path, places: dict[str, str]) -> None:
        self._run = [*buildah, "run", "--isolation", "chroot", "--user", "10001"]
        self._container, self._folder, self._places = container, folder, places
        told = subprocess.run(
            [*buildah, "inspect", "--type", "image", "unicorn-assets:cpu"], capture_output=True, check=True
        )
        self._command = json.loads(told.stdout)["OCIv1"]["config"]["Cmd"]

    @contextmanager
    def service(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A service of the Compose file, ended hard."""
        service = COMPOSE[name]
        environment = {key: interpolated(str(value)) for key, value in service["environment"].items()} | self._places
        options = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
        options += ["--volume", f"{self._folder / 'recipes'}:{RECIPES}:ro"]
        command = [*self._run, *options, self._container, "--", *service.get("command", self._command)]
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a service and all that it started."""
    try:
        tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        tree = []
    for each in tree:
        try:
            each.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    process.wait(60)


def until(what: str, found: Callable[[], Any], patience_s: float = 900.0) -> Any:
    """Wait for a true answer; RuntimeError when there is none in time."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        try:
            if answer := found():
                return answer
        except OSError:
            pass
        time.sleep(1)
    raise RuntimeError(f"not in {patience_s:.0f} s: {what}")


def graphql(query: str, **variables: Any) -> dict[str, Any]:
    """What the webserver answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = Request("http://127.0.0.1:3000/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    if "errors" in told:
        raise RuntimeError(json.dumps(told["errors"])[:2000])
    return dict(told["data"])


def backfill(title: str, assets: Sequence[str], meanwhile: Callable[[], None] = lambda: None) -> None:
    """Launch one over all shards, as the UI does, and wait for its end."""
    keys = [{"path": [DATA_SET, name]} for name in assets]
    launched = graphql(
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename"
        " ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        p={"assetSelection": keys, "allPartitions": True, "title": title, "tags": []},
    )["launchPartitionBackfill"]
    if "backfillId" not in launched:
        raise RuntimeError(str(launched))
    say(f"backfill {title}: {len(assets)} assets")
    meanwhile()
    state = until(title, lambda: finished(launched["backfillId"]), 1800)
    runs = graphql(
        "query($f: RunsFilter) { runsOrError(filter: $f) { ... on Runs { results { status } } } }",
        f={"tags": [{"key": "dagster/backfill", "value": launched["backfillId"]}]},
    )["runsOrError"]["results"]
    say(f"backfill {title}: {state}, {len(runs)} runs: {', '.join(sorted(run['status'] for run in runs))}")
    if not state.startswith("COMPLETED_SUCCESS"):
        raise RuntimeError(f"backfill {title}: {state}")


def finished(backfill_id: str) -> str:
    """The state of a backfill that goes no further, else nothing."""
    query = "query($b: String!) { partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill { status } } }"
    state = str(graphql(query, b=backfill_id)["partitionBackfillOrError"]["status"])
    return state if state.startswith(("COMPLETED", "FAILED", "CANCELED")) else ""


def catalog() -> None:
    """The job that the UI offers for it."""
    location = {"repositoryLocationName": "unicorn_assets", "repositoryName": "__repository__"}
    run = graphql(
        "mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename"
        " ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }",
        p={"selector": {**location, "jobName": "refresh_catalog"}, "runConfigData": "{}"},
    )["launchRun"]
    if "run" not in run:
        raise RuntimeError(str(run))
    query = "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"
    done = ("SUCCESS", "FAILURE", "CANCELED")
    state = until(
        "seed_catalog",
        lambda: next((s for s in [graphql(query, r=run["run"]["runId"])["runOrError"]["status"]] if s in done), None),
    )
    say(f"run refresh_catalog: {state}")


ENCODE = """
import dagster as dg
from unicorn_assets.definitions import build_defs
from unicorn_assets.keys import asset_key
from unicorn_assets.partitions import RANGE_END, RANGE_START, known_shards
with dg.DagsterInstance.get() as instance:
    shards = known_shards(instance, "mine")
    job = build_defs().resolve_implicit_global_asset_job_def()
    all_shards = {RANGE_START: shards[0], RANGE_END: shards[-1]}
    for name, tags in (("image_reference", {}), ("text_embeddings", all_shards)):
        done = job.execute_in_process(asset_selection=[asset_key("mine", name)], instance=instance, tags=tags)
        assert done.success
"""


def encode(folder: Path, environment: dict[str, str]) -> None:
    """The steps of the encoder, on the same instance and lake, with the packages of this checkout."""
    home = folder / "dagster"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text((ROOT / "deploy" / "dagster.yaml").read_text())
    places = {
        "DAGSTER_HOME": str(home),
        "UNICORN_HOME": str(folder),
        "UNICORN_RECIPE": str(folder / "recipes" / "recipe.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-c", ENCODE], env={**os.environ, **environment, **places}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    say("encoder: image_reference and text_embeddings, by this checkout's packages")


@contextmanager
def storage() -> Iterator[tuple[PostgresServer, S3Server]]:
    """PostgreSQL and an S3 server with Compose's bucket."""
    with tempfile.TemporaryDirectory(prefix="unicorn-pg-", dir="/tmp") as folder, ExitStack() as stack:
        subprocess.run(["chown", "postgres:", folder], check=True)
        database = stack.enter_context(
            contextmanager(servers._run_postgres)(servers._postgres_binaries(), Path(folder))
        )
        server = subprocess.Popen([sys.executable, "-c", servers.S3_SERVER], stdout=subprocess.PIPE, text=True)
        stack.callback(server.kill)
        assert server.stdout is not None
        objects = S3Server(f"http://127.0.0.1:{server.stdout.readline().strip()}")
        objects.make_bucket("unicorn")
        yield database, objects


def write_data(folder: Path, url: str) -> None:
    """A recipe with a Parquet source, as the paper's has one, where Compose mounts recipes."""
    recipes = folder / "recipes"
    recipes.mkdir(exist_ok=True)
    write_recipe(recipes, url, rows=96)
    lines = (recipes / "lines.txt").read_text().splitlines()
    pl.DataFrame({"caption": lines}).write_parquet(recipes / "lines.parquet")
    text = (recipes / "recipe.yaml").read_text()
    text = text.replace("path: lines.txt}", "path: lines.parquet, columns: {text: caption}}")
    (recipes / "recipe.yaml").write_text(text + REST)


def main(folder: Path, container: str, buildah: Sequence[str]) -> int:
    """All of it; the services' logs stay in the folder."""
    with Scripted(latency=2.0) as llm, storage() as (database, objects), ExitStack() as services:
        write_data(folder, llm.url)
        port = objects.url.rsplit(":", 1)[1]
        places = {"DAGSTER_PG_PORT": str(database.port), "AWS_ENDPOINT_URL_S3": f"http://objects:{port}"}
        image = Image(buildah, container, folder, {**places, "UNICORN_RECIPE": f"{RECIPES}/recipe.yaml"})
        say("PostgreSQL and the S3 server are up")
        services.enter_context(image.service("code"))
        services.enter_context(image.service("webserver"))
        until("the code location", lambda: "RepositoryLocation" in str(graphql(LOCATIONS)))
        say("code server and webserver are up, the UI has the code location")
        daemons = services.enter_context(ExitStack())
        first = daemons.enter_context(image.service("daemon"))

        def in_the_middle() -> None:
            before = llm.calls
            until("questions to the LLM", lambda: llm.calls > before + 20)
            kill(first)
            say(f"daemon: kill -9 after {llm.calls} questions to the LLM")
            time.sleep(20)
            daemons.enter_context(image.service("daemon"))
            say(f"daemon: started again; {llm.calls} questions by now")

        catalog()
        backfill("captions and instructions", FIRST, in_the_middle)
        here = {"UNICORN_LAKE": "s3://unicorn/lake", "UNICORN_LOG_BUCKET": "unicorn"}
        encode(folder, database.environment | objects.environment | here)
        backfill("releases", LAST)
        return report(llm, objects)


def report(llm: Scripted, objects: S3Server) -> int:
    """Rows of the lake, releases, and whether a question was asked again."""
    os.environ.update(objects.environment)
    lake = Lake("s3://unicorn/lake")
    for table in ("seeds", "captions", "instructions"):
        shards = list(lake.shards(table))
        say(f"{table}: {sum(lake.read(table, shard).height for shard in shards)} rows in {len(shards)} shards")
    versions = {name: latest_release(lake, name) for name in RELEASES}
    for name, version in versions.items():
        say(f"release {name}: {version}")
    logs = len(objects.keys("unicorn", "dagster-logs/"))
    again = sum(count - 1 for count in llm.messages.values())
    say(f"LLM: {llm.calls} questions, {again} of them asked again; {logs} logs of steps in the bucket")
    return 0 if all(versions.values()) and not again else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
