"""helm/values.yaml against the schemas of the classes that the chart's dagster.yaml configures."""

import json
import re

import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema, validate_concurrency_config
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config

from unicorn_assets.gpu import gpu_op_tags
from unicorn_assets_tests.deploy.test_instance_config import PRODUCTION, ROOT


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())


@pytest.fixture
def production():
    return yaml.safe_load(PRODUCTION.read_text())


def snake(tree):
    """The chart writes Dagster's keys in camel case."""
    if isinstance(tree, dict):
        return {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): snake(value) for key, value in tree.items()}
    return [snake(value) for value in tree] if isinstance(tree, list) else tree


def without(tree: dict, *keys: str) -> dict:
    return {key: value for key, value in tree.items() if key not in keys}


def instance_part(values: dict) -> dict:
    """The sections of dagster.yaml that the chart makes of the values."""
    daemon = values["dagsterDaemon"]
    names = {"run_monitoring": "runMonitoring", "run_retries": "runRetries"}
    names |= {name: name for name in ("backfills", "sensors", "schedules")}
    sections = {name: snake(daemon[key]) for name, key in names.items()}
    sections["concurrency"] = snake(without(values["concurrency"], "enabled"))
    sections["retention"] = snake(without(values["retention"], "enabled"))
    sections["telemetry"] = values["telemetry"]
    return sections


def test_the_instance_fits_dagsters_schema(values):
    result = validate_config(dagster_instance_config_schema(), instance_part(values))
    assert result.success, result.errors
    validate_concurrency_config(instance_part(values))


def test_the_instance_says_what_deploy_dagster_yaml_says(values, production):
    chart = instance_part(values)
    assert chart["concurrency"] == production["concurrency"]
    assert chart["run_retries"] == production["run_retries"]
    assert without(chart["run_monitoring"], "max_resume_run_attempts") == production["run_monitoring"]
    assert chart["backfills"] == production["backfills"]
    assert chart["telemetry"] == production["telemetry"]
    logs = snake(values["computeLogManager"]["config"]["s3ComputeLogManager"])
    assert logs == production["compute_logs"]["config"]
    database = production["storage"]["custom"]["config"]["postgres_db"]
    assert values["postgresql"]["postgresqlScheme"] == database["scheme"]


def test_logs_fit_the_log_managers_schema(values, monkeypatch):
    monkeypatch.setenv("UNICORN_LOG_BUCKET", "logs")
    config = snake(values["computeLogManager"]["config"]["s3ComputeLogManager"])
    result = validate_config(S3ComputeLogManager.config_type(), config)
    assert result.success, result.errors


def test_limits_are_said_once(values):
    """What is left in the chart's coordinator settings becomes a second limit, which Dagster refuses; of one the chart
    asks for the length, so that null does not render.
    """
    coordinator = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert coordinator.pop("tagConcurrencyLimits") == []
    assert set(coordinator.values()) == {None}


def test_the_run_launcher_fits_its_schema(values):
    config = snake(values["runLauncher"]["config"]["k8sRunLauncher"])
    config |= {"service_account_name": "dagster", "instance_config_map": "dagster-instance", "dagster_home": "/opt"}
    result = validate_config(K8sRunLauncher.config_type(), config)
    assert result.success, result.errors


def step_pod(values: dict, tags: dict):
    """The pod of a step, put together as dagster-k8s does: launcher, then code location, then the op's tags."""
    (code,) = values["dagster-user-deployments"]["deployments"]
    location = {
        "env_vars": [f"{name}={value}" for name, value in code["env"].items()],
        "env_secrets": [secret["name"] for secret in code["envSecrets"]],
        "volumes": code["volumes"],
        "volume_mounts": code["volumeMounts"],
        "resources": code["resources"],
    }
    config = values["runLauncher"]["config"]["k8sRunLauncher"]
    launcher = {"resources": config["resources"], "run_k8s_config": snake(config["runK8sConfig"])}
    context = K8sContainerContext.create_from_config({"k8s": launcher})
    context = context.merge(K8sContainerContext.create_from_config({"k8s": location}))
    context = context.merge(K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(tags)))
    image = f"{code['image']['repository']}:{code['image']['tag']}"
    return construct_dagster_k8s_job(
        job_config=DagsterK8sJobConfig(job_image=image, dagster_home="/opt/dagster/dagster_home"),
        args=["dagster", "api", "execute_step"],
        job_name="step",
        user_defined_k8s_config=context.run_k8s_config,
    ).spec.template.spec


def test_a_gpu_step_gets_gpu_image_recipe_and_secrets(values, monkeypatch):
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert code["includeConfigInLaunchedRuns"] == {"enabled": True}
    for name, value in code["env"].items():
        monkeypatch.setenv(name, value)
    pod = step_pod(values, {name: json.dumps(value) for name, value in gpu_op_tags(2).items()})
    container = pod.containers[0]
    assert container.image == code["env"]["UNICORN_GPU_IMAGE"]
    assert container.resources.limits == {"nvidia.com/gpu": "2"}, "a memory limit would kill the step"
    wanted = dict(part.split("=") for part in code["env"]["UNICORN_GPU_REQUESTS"].split(","))
    assert container.resources.requests == {"nvidia.com/gpu": "2", **wanted}
    mounts = {mount.mount_path for mount in container.volume_mounts}
    assert {"/etc/unicorn", "/dev/shm", code["env"]["HF_HOME"]} <= mounts
    assert [toleration.key for toleration in pod.tolerations].count("nvidia.com/gpu") == 1
    assert len(pod.tolerations) > 1, "and those of spot nodes"
    assert {"unicorn-s3", "unicorn-llm"} <= {
        source.secret_ref.name for source in container.env_from if source.secret_ref
    }
    assert ("UNICORN_LAKE", "s3://unicorn/lake") in {(variable.name, variable.value) for variable in container.env}


def test_a_cpu_step_stays_on_the_cpu_image_without_gpu(values):
    (code,) = values["dagster-user-deployments"]["deployments"]
    pod = step_pod(values, {})
    container = pod.containers[0]
    assert container.image == f"{code['image']['repository']}:{code['image']['tag']}"
    assert not container.resources.limits
    assert set(container.resources.requests) == {"cpu", "memory", "ephemeral-storage"}
    assert not pod.node_selector
    assert (pod.security_context.run_as_non_root, pod.security_context.run_as_user) == (True, 10001)
    assert container.security_context.read_only_root_filesystem
    assert not container.security_context.allow_privilege_escalation
    assert pod.priority_class_name == "unicorn-runs"


def test_code_location_runs_steps_as_pods_on_the_lake_in_s3(values):
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert code["env"]["UNICORN_ENGINE"] == "kubernetes"
    assert code["env"]["UNICORN_LAKE"].startswith("s3://")
    assert code["env"]["UNICORN_RECIPE"].startswith(code["volumeMounts"][0]["mountPath"])
    assert code["dagsterApiGrpcArgs"] == ["--module-name", "unicorn_assets.definitions"]


def test_all_that_load_the_instance_know_bucket_and_credentials(values):
    (code,) = values["dagster-user-deployments"]["deployments"]
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], code):
        assert "UNICORN_LOG_BUCKET" in part["env"]
        assert {"name": "unicorn-s3"} in part["envSecrets"]


def parts(values) -> list[dict]:
    return [values["dagsterWebserver"], values["dagsterDaemon"], *values["dagster-user-deployments"]["deployments"]]


def test_no_tag_can_mean_another_image_tomorrow(values):
    tags = {part["image"]["tag"] for part in parts(values)}
    tags.add(parts(values)[-1]["env"]["UNICORN_GPU_IMAGE"].rsplit(":", 1)[1])
    assert tags == {"cpu-REVISION", "gpu-REVISION"}
    assert {part["image"]["pullPolicy"] for part in parts(values)} == {"IfNotPresent"}


def test_pods_have_no_privileges_and_write_to_bounded_volumes_only(values):
    for part in parts(values):
        assert part["podSecurityContext"]["runAsNonRoot"]
        assert part["securityContext"]["readOnlyRootFilesystem"]
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        places = {mount["mountPath"] for mount in part["volumeMounts"]}
        assert {"/tmp", values["global"]["dagsterHome"]} <= places
        assert all("sizeLimit" in volume["emptyDir"] for volume in part["volumes"] if "emptyDir" in volume)
        assert {mount["name"] for mount in part["volumeMounts"]} == {volume["name"] for volume in part["volumes"]}


def test_pods_are_watched_from_their_start(values):
    for part in parts(values):
        assert part["startupProbe"]["enabled"]
        assert "livenessProbe" in part
    webserver = values["dagsterWebserver"]
    port = webserver["service"]["port"]
    assert port > 1023, "a user without privileges may not open others everywhere"
    probes = [webserver[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    assert probes == [{"path": "/server_info", "port": port}] * 3


def test_only_runs_and_the_code_location_have_the_llms_key(values):
    webserver, daemon, code = ({secret["name"] for secret in part["envSecrets"]} for part in parts(values))
    assert "unicorn-llm" in code
    assert webserver == daemon == {"unicorn-s3"}


def test_the_ui_is_published_with_a_login_only(values):
    assert "ingress" not in values
    ingress = yaml.safe_load((ROOT / "deploy" / "helm" / "login.yaml").read_text())["ingress"]
    assert {f"nginx.ingress.kubernetes.io/auth-{name}" for name in ("url", "signin")} <= set(ingress["annotations"])
    assert ingress["dagsterWebserver"]["tls"]["enabled"]


def keys(tree) -> set[str]:
    if isinstance(tree, dict):
        return set(tree).union(*(keys(value) for value in tree.values()))
    return set().union(*(keys(value) for value in tree)) if isinstance(tree, list) else set()


def test_no_secret_is_in_the_values(values):
    assert not [key for key in keys(values) if re.search(r"(password|_key|token)$", key, re.IGNORECASE)]
    assert values["generatePostgresqlPasswordSecret"] is False
