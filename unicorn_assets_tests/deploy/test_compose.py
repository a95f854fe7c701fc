"""The Compose files: variables, health checks, and that they agree with the other files."""

import json
import re
from pathlib import Path

import pytest
import yaml

from unicorn_assets_tests.deploy.test_dockerfiles import arguments
from unicorn_assets_tests.deploy.test_instance_config import PRODUCTION, ROOT, variables

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "docker-compose.yaml"
OURS = ("code", "webserver", "daemon")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text())


def example_variables() -> dict[str, str]:
    text = (DEPLOY / ".env.example").read_text()
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


@pytest.mark.parametrize("service", OURS)
def test_services_that_load_the_instance_have_all_its_variables(compose, service):
    needed = variables(yaml.safe_load(PRODUCTION.read_text()))
    needed |= {"AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    if service != "webserver":
        needed |= {"UNICORN_LAKE", "UNICORN_RECIPE"}
    assert needed <= set(compose["services"][service]["environment"])


def test_only_the_daemon_has_the_llms_key_which_it_gives_to_runs(compose):
    assert [name for name in OURS if "LLM_API_KEY" in compose["services"][name]["environment"]] == ["daemon"]
    assert set(launcher()["env_vars"]) <= set(compose["services"]["daemon"]["environment"])
    production = variables(yaml.safe_load(PRODUCTION.read_text()))
    assert production | {"LLM_API_KEY", "UNICORN_LAKE", "UNICORN_RECIPE"} <= set(launcher()["env_vars"])


def launcher() -> dict:
    name = yaml.safe_load(COMPOSE.read_text())["x-dagster"]["build"]["args"]["LAUNCHER"]
    return yaml.safe_load((DEPLOY / "launchers" / f"{name}.yaml").read_text())["run_launcher"]["config"]


@pytest.mark.parametrize("file", ["docker-compose.yaml", "docker-compose.gpu.yaml"])
def test_a_run_is_a_container_that_outlives_the_code_server(compose, file):
    """Its image and volumes are the code server's, its network the one where the others are found."""
    code = compose["services"]["code"] | yaml.safe_load((DEPLOY / file).read_text())["services"]["code"]
    assert code["environment"]["DAGSTER_CURRENT_IMAGE"] == code["image"]
    run = json.loads(code["environment"]["DAGSTER_CONTAINER_CONTEXT"])["docker"]["container_kwargs"]
    assert run["volumes_from"] == [compose["services"]["code"]["container_name"]]
    assert launcher()["network"] == compose["networks"]["default"]["name"]
    assert "mem_limit" in run
    assert ("device_requests" in run) == ("gpu" in file)


def test_dagster_takes_the_docker_launchers_settings(compose):
    docker = pytest.importorskip("dagster_docker", reason="left out: Compose's run launcher: no package dagster-docker")
    from dagster._config import validate_config
    from dagster_docker.container_context import DockerContainerContext

    result = validate_config(docker.DockerRunLauncher.config_type(), launcher())
    assert result.success, result.errors
    for file in ("docker-compose.yaml", "docker-compose.gpu.yaml"):
        code = yaml.safe_load((DEPLOY / file).read_text())["services"]["code"]["environment"]
        DockerContainerContext.create_from_config(json.loads(code["DAGSTER_CONTAINER_CONTEXT"]))


def test_dockers_api_is_reached_by_two_services_and_only_to_make_containers(compose):
    services = compose["services"]
    assert [name for name, service in services.items() if "/var/run/docker.sock" in str(service.get("volumes"))] == [
        "docker"
    ]
    callers = {name for name, service in services.items() if "docker" in service.get("networks", [])} - {"docker"}
    assert callers == {"webserver", "daemon"}
    assert all(services[name]["environment"]["DOCKER_HOST"].startswith("tcp://docker:") for name in callers)
    assert compose["networks"]["docker"] == {"internal": True}
    assert set(services["docker"]["environment"]) == {"CONTAINERS", "POST", "ALLOW_START", "ALLOW_STOP"}


def test_every_service_has_limits_and_ours_no_privileges(compose):
    for name, service in compose["services"].items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
    for name in OURS:
        assert compose["services"][name]["cap_drop"] == ["ALL"]
        assert "healthcheck" in compose["services"][name]


def test_every_variable_from_outside_is_in_the_example():
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    assert used == set(example_variables())


def test_the_example_holds_no_secret_and_compose_demands_them():
    for name, value in example_variables().items():
        if re.search(r"PASSWORD|KEY", name):
            assert value == ""
    demanded = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE.read_text()))
    assert demanded == {"DAGSTER_PG_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_services_find_each_other(compose):
    services = compose["services"]
    places = services["daemon"]["environment"]
    assert places["DAGSTER_PG_HOST"] in services
    assert places["DAGSTER_PG_DB"] == services["postgres"]["environment"]["POSTGRES_DB"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", places["AWS_ENDPOINT_URL_S3"]).groups()
    assert f"-s3.port={port}" in services[host]["command"]
    bucket = f"-bucket={places['UNICORN_LOG_BUCKET']}"
    assert bucket in services[host]["command"]
    assert places["UNICORN_LAKE"].startswith(f"s3://{places['UNICORN_LOG_BUCKET']}/")
    (location,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    assert location["grpc_server"]["host"] in services
    assert str(location["grpc_server"]["port"]) in services["code"]["healthcheck"]["test"]


def test_services_start_when_those_they_need_are_healthy(compose):
    services = compose["services"]
    for service in OURS:
        for needed, when in services[service]["depends_on"].items():
            healthy = "service_healthy" if "healthcheck" in services[needed] else "service_started"
            assert when == {"condition": healthy}
    assert set(services["daemon"]["depends_on"]) == {"postgres", "objects", "code", "docker"}


def test_nothing_is_published_beyond_this_machine(compose):
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_are_pinned_and_volumes_declared(compose):
    for service in compose["services"].values():
        assert re.search(r":[\w.-]+$", service["image"])
        assert not service["image"].endswith(":latest")
        for volume in service.get("volumes", []):
            name = volume.split(":")[0]
            assert name in compose["volumes"] or name == "/var/run/docker.sock" or (DEPLOY / name).exists()


@pytest.mark.parametrize("file", ["docker-compose.yaml", "docker-compose.gpu.yaml"])
def test_our_images_are_built_from_real_files_and_arguments(file):
    services = yaml.safe_load((DEPLOY / file).read_text())["services"]
    ours = [service for service in services.values() if service["image"].startswith("unicorn-assets:")]
    assert ours
    for service in ours:
        build = service["build"]
        context = Path(DEPLOY / build["context"]).resolve()
        assert context == ROOT
        assert set(build.get("args", {})) <= set(arguments(context / build["dockerfile"]))


def test_one_tag_is_always_the_same_build(compose):
    builds: dict[str, dict] = {}
    for service in compose["services"].values():
        if "build" in service:
            assert builds.setdefault(service["image"], service["build"]) == service["build"]
    assert set(builds) == {"unicorn-assets:cpu", "unicorn-assets:cpu-full"}
