import json

import dagster as dg
import pytest
from dagster._config import validate_config
from dagster_k8s.job import (
    USER_DEFINED_K8S_JOB_CONFIG_SCHEMA,
    DagsterK8sJobConfig,
    construct_dagster_k8s_job,
    get_user_defined_k8s_config,
)

from unicorn_assets.errors import UserError
from unicorn_assets.gpu import GPU_POOL, gpu_op_tags, step_executor

PLACES = (
    "UNICORN_GPU_NODES",
    "UNICORN_GPU_IMAGE",
    "UNICORN_GPU_REQUESTS",
    "UNICORN_ECS_GPU_CAPACITY",
    "UNICORN_ECS_GPU_TASK",
    "UNICORN_ENGINE",
)


@pytest.fixture(autouse=True)
def no_places(monkeypatch):
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)


def tags_of_an_asset(gpus: int) -> dict[str, str]:
    """The tags as Dagster stores them on the op: strings."""

    @dg.asset(op_tags=gpu_op_tags(gpus), pool=GPU_POOL)
    def encoded() -> None: ...

    return dict(encoded.op.tags)


def pod_of_a_step(gpus: int):
    """The Kubernetes job that dagster-k8s builds for such a step."""
    return construct_dagster_k8s_job(
        job_config=DagsterK8sJobConfig(job_image="unicorn:cpu", dagster_home="/opt/dagster"),
        args=["dagster", "api", "execute_step"],
        job_name="step",
        user_defined_k8s_config=get_user_defined_k8s_config(tags_of_an_asset(gpus)),
    ).spec.template.spec


def test_kubernetes_settings_fit_dagsters_schema():
    result = validate_config(USER_DEFINED_K8S_JOB_CONFIG_SCHEMA, gpu_op_tags(2)["dagster-k8s/config"])
    assert result.success, result.errors


def test_the_pod_of_a_step_asks_for_its_gpus():
    pod = pod_of_a_step(2)
    container = pod.containers[0]
    assert container.resources.limits == {"nvidia.com/gpu": "2"}
    assert container.resources.requests == {
        "nvidia.com/gpu": "2", "cpu": "4", "memory": "24Gi", "ephemeral-storage": "10Gi",
    }  # fmt: skip
    assert container.image == "unicorn:cpu"
    assert pod.node_selector == {"nvidia.com/gpu.present": "true"}
    assert [(t.key, t.operator, t.effect) for t in pod.tolerations] == [("nvidia.com/gpu", "Exists", "NoSchedule")]
    mounts = {mount.name: mount.mount_path for mount in container.volume_mounts}
    volumes = {volume.name: volume.empty_dir for volume in pod.volumes if volume.empty_dir}
    assert [mounts[name] for name, folder in volumes.items() if folder.medium == "Memory"] == ["/dev/shm"]
    assert volumes["shared-memory"].size_limit == "8Gi"


def test_image_and_nodes_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("UNICORN_GPU_IMAGE", "unicorn:gpu")
    monkeypatch.setenv("UNICORN_GPU_NODES", "gpu=h100, zone=a")
    monkeypatch.setenv("UNICORN_GPU_REQUESTS", "")
    pod = pod_of_a_step(1)
    assert pod.containers[0].resources.requests == {"nvidia.com/gpu": "1"}
    assert pod.containers[0].image == "unicorn:gpu"
    assert pod.node_selector == {"gpu": "h100", "zone": "a"}


def test_no_node_labels_when_the_variable_is_empty(monkeypatch):
    monkeypatch.setenv("UNICORN_GPU_NODES", "")
    assert pod_of_a_step(1).node_selector is None


@pytest.mark.parametrize("variable", ["UNICORN_GPU_NODES", "UNICORN_GPU_REQUESTS"])
def test_a_malformed_pair_is_named(monkeypatch, variable):
    monkeypatch.setenv(variable, "gpu:h100")
    with pytest.raises(UserError, match=f"{variable} has 'gpu:h100'"):
        gpu_op_tags()


def test_ecs_settings_are_json_strings_on_the_op(monkeypatch):
    monkeypatch.setenv("UNICORN_ECS_GPU_CAPACITY", "g6")
    monkeypatch.setenv("UNICORN_ECS_GPU_TASK", "unicorn-gpu")
    tags = tags_of_an_asset(4)
    assert json.loads(tags["ecs/container_overrides"]) == {"resourceRequirements": [{"type": "GPU", "value": "4"}]}
    assert json.loads(tags["ecs/run_task_kwargs"]) == {
        "capacityProviderStrategy": [{"capacityProvider": "g6", "weight": 1}],
        "taskDefinition": "unicorn-gpu",
    }


def test_ecs_settings_are_what_the_aws_api_takes(monkeypatch):
    import botocore.session
    from botocore.validate import ParamValidator

    monkeypatch.setenv("UNICORN_ECS_GPU_CAPACITY", "g6")
    tags = gpu_op_tags(1)
    request = botocore.session.get_session().get_service_model("ecs").operation_model("RunTask").input_shape
    override = {"name": "run", **tags["ecs/container_overrides"]}
    call = {"taskDefinition": "unicorn", **tags["ecs/run_task_kwargs"], "overrides": {"containerOverrides": [override]}}
    report = ParamValidator().validate(call, request)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("gpus", [0, -1])
def test_a_gpu_step_needs_a_gpu(gpus):
    with pytest.raises(ValueError, match="at least one"):
        gpu_op_tags(gpus)


@pytest.mark.parametrize(("engine", "name"), [("kubernetes", "k8s"), ("ecs", "ecs")])
def test_the_engine_chooses_the_executor(monkeypatch, engine, name):
    monkeypatch.setenv("UNICORN_ENGINE", engine)
    assert step_executor().name == name


def test_without_an_engine_steps_are_processes_of_the_run():
    assert step_executor().name == "multiprocess"


def test_an_unknown_engine_is_refused(monkeypatch):
    monkeypatch.setenv("UNICORN_ENGINE", "slurm")
    with pytest.raises(UserError, match="slurm"):
        step_executor()
