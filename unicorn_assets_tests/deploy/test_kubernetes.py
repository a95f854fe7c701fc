"""deploy/k8s: every manifest fits the Kubernetes models, and fits recipe, chart values and package versions."""

import re

import pytest
import yaml
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes import client

from unicorn_assets_tests.deploy.test_instance_config import ROOT

FOLDER = ROOT / "deploy" / "k8s"
MODELS = {
    "v1/Service": client.V1Service,
    "v1/PersistentVolumeClaim": client.V1PersistentVolumeClaim,
    "policy/v1/PodDisruptionBudget": client.V1PodDisruptionBudget,
    "apps/v1/StatefulSet": client.V1StatefulSet,
    "scheduling.k8s.io/v1/PriorityClass": client.V1PriorityClass,
    "networking.k8s.io/v1/NetworkPolicy": client.V1NetworkPolicy,
}
FILES = sorted(file for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml")
MANIFESTS = [manifest for file in FILES for manifest in yaml.safe_load_all(file.read_text())]
SCALED = next(manifest for manifest in MANIFESTS if manifest["kind"] == "ScaledObject")


def named(kind: str, name: str) -> dict:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@pytest.fixture
def server() -> dict:
    return named("StatefulSet", "unicorn-vllm")


@pytest.fixture
def pod(server) -> dict:
    return server["spec"]["template"]["spec"]


@pytest.fixture
def container(pod) -> dict:
    (found,) = pod["containers"]
    return found


@pytest.fixture
def recipe() -> dict:
    return yaml.safe_load((ROOT / "recipes" / "unicorn-1.2m.yaml").read_text())["llm"]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_a_manifest_has_no_field_that_kubernetes_does_not_know(manifest):
    if manifest is SCALED:
        assert (manifest["apiVersion"], manifest["spec"]["triggers"][0]["type"]) == ("keda.sh/v1alpha1", "prometheus")
        return
    model = MODELS[f"{manifest['apiVersion']}/{manifest['kind']}"]
    k8s_model_from_dict(model, k8s_snake_case_dict(model, manifest))


def test_kustomize_applies_all_but_what_needs_keda():
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted([*listed, "vllm-autoscale.yaml"]) == [file.name for file in FILES]


def test_the_paper_recipe_asks_these_servers(server, container, recipe):
    name, headless = server["metadata"]["name"], named("Service", server["spec"]["serviceName"])
    port = headless["spec"]["ports"][0]["port"]
    hosts = [f"http://{name}-{number}.{headless['metadata']['name']}:{port}" for number in range(len(recipe["urls"]))]
    assert recipe["urls"] == hosts
    assert headless["spec"]["clusterIP"] == "None", "a name for each pod"
    assert SCALED["spec"]["maxReplicaCount"] == len(hosts) >= server["spec"]["replicas"]
    gpus = int(container["resources"]["limits"]["nvidia.com/gpu"])
    arguments = dict(re.fullmatch(r"--([\w-]+)=?(.*)", word).groups() for word in container["args"])
    assert arguments["model"] == recipe["model"]
    assert int(arguments["tensor-parallel-size"]) == gpus
    assert recipe["gpus"] == gpus * len(hosts)
    assert int(arguments["max-num-seqs"]) >= recipe["concurrency"]
    assert int(arguments["port"]) == port == container["ports"][0]["containerPort"]


def test_the_servers_version_is_the_one_in_the_constraints(container):
    image, tag = container["image"].split(":")
    assert image == "vllm/vllm-openai"
    assert f"vllm=={tag.removeprefix('v')}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_a_server_has_time_to_load_and_is_left_alone_until_then(container):
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 7200
    assert {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")} == {
        "/health"
    }


def test_drains_and_scaling_leave_the_fleet_standing(server):
    budget = named("PodDisruptionBudget", "unicorn-vllm")["spec"]
    labels = server["spec"]["template"]["metadata"]["labels"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == labels == server["spec"]["selector"]["matchLabels"]
    scaled = SCALED["spec"]
    assert (scaled["scaleTargetRef"]["kind"], scaled["scaleTargetRef"]["name"]) == ("StatefulSet", "unicorn-vllm")
    assert scaled["minReplicaCount"] >= 1, "a run needs a server to begin"
    assert "vllm:num_requests_waiting" in scaled["triggers"][0]["metadata"]["query"]


def test_a_server_has_no_privileges_and_bounded_memory_disks(pod, container):
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    locked = container["securityContext"]
    assert (locked["allowPrivilegeEscalation"], locked["readOnlyRootFilesystem"]) == (False, True)
    assert locked["capabilities"] == {"drop": ["ALL"]}
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"])
    assert {"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"} == set(container["resources"]["requests"])
    written = {mount["mountPath"] for mount in container["volumeMounts"]}
    for variable in container["env"]:
        value = variable.get("value", "")
        assert not value.startswith("/") or any(value.startswith(place) for place in written), "the root is read-only"


def test_only_runs_steps_and_monitoring_reach_the_servers(server):
    policy = named("NetworkPolicy", "llm-from-runs")["spec"]
    assert policy["podSelector"]["matchLabels"] == server["spec"]["template"]["metadata"]["labels"]
    (callers,) = [peer["podSelector"] for peer in policy["ingress"][0]["from"] if "podSelector" in peer]
    (expression,) = callers["matchExpressions"]
    for component in ("run_worker", "step_worker"):
        job = construct_dagster_k8s_job(
            DagsterK8sJobConfig(job_image="i", dagster_home="/h"), args=[], job_name="job", component=component
        )
        assert job.spec.template.metadata.labels[expression["key"]] == component
        assert component in expression["values"]


def test_policies_name_the_charts_pods_and_ports():
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())
    (code,) = values["dagster-user-deployments"]["deployments"]
    ports = {
        "ui-from-the-ingress": values["dagsterWebserver"]["service"]["port"],
        "code-from-webserver-and-daemon": code["port"],
    }
    for name, port in ports.items():
        assert named("NetworkPolicy", name)["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port}]
    assert named("NetworkPolicy", "nobody-in")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_runs_stand_below_all_else():
    assert named("PriorityClass", "unicorn-runs")["value"] < 0 < named("PriorityClass", "unicorn-llm")["value"]
    assert named("PriorityClass", "unicorn-runs")["preemptionPolicy"] == "Never"
