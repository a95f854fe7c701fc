"""What a GPU step asks of the engine that runs it: pools, Kubernetes pod settings, ECS task settings, executor.

The one place that knows them. Not here: which assets need a GPU (assets/common.py), limits of pools (deploy/).
Dagster hands `op_tags` to a step's own pod or task only; in a run that is one process they have no effect.
"""

import os
from typing import Any

import dagster as dg

from unicorn_assets.errors import UserError

GPU_POOL = "gpu"
"""Steps that hold a GPU: encoders, and LLMs that a run serves itself. Limit: the number of GPUs."""

LLM_POOL = "llm"
"""Steps that run the small LLM on their own processors. Limit: what those bear. Servers that somebody else runs need no
pool: the engine finds out how many requests they bear, and the budget holds across processes.
"""

POOLS = (GPU_POOL, LLM_POOL)

FORKED = "unicorn_assets.automation.forked"

DEFAULT_GPU_NODES = "nvidia.com/gpu.present=true"
"""The label that NVIDIA's GPU feature discovery puts on nodes."""

DEFAULT_REQUESTS = "cpu=4,memory=24Gi,ephemeral-storage=10Gi"
"""What a GPU step asks of its node besides GPUs. Without requests it is placed beside too many, and evicted first."""

SHARED_MEMORY = "shared-memory"
SHARED_MEMORY_LIMIT = "8Gi"
"""Of /dev/shm, whose bytes count as the step's memory."""


def gpu_op_tags(gpus: int = 1) -> dict[str, Any]:
    """Tags of an op that needs `gpus` GPUs on one node, for Kubernetes and ECS; other engines ignore them.

    Where GPUs are is read from the environment of the code server: UNICORN_GPU_NODES (node labels, `a=b,c=d`; empty
    for none), UNICORN_GPU_IMAGE (image of GPU pods), UNICORN_GPU_REQUESTS (`cpu=4,memory=24Gi`),
    UNICORN_ECS_GPU_CAPACITY (capacity provider), UNICORN_ECS_GPU_TASK (task definition).
    """
    if gpus < 1:
        raise ValueError(f"a GPU step needs at least one GPU, not {gpus}")
    return {
        "dagster-k8s/config": _kubernetes(gpus),
        "ecs/container_overrides": {"resourceRequirements": [{"type": "GPU", "value": str(gpus)}]},
        **_ecs_placement(),
    }


def steps_are_pods() -> bool:
    """Whether each step is a pod or a task of its own."""
    return os.environ.get("UNICORN_ENGINE", "") != ""


def step_executor() -> dg.ExecutorDefinition:
    """The executor that gives each step a pod or a task of its own, by UNICORN_ENGINE; without one, a process.

    Those processes are forks of one that has imported the code location: importing it costs a process some three
    seconds, most of what a run over small shards took.
    """
    engine = os.environ.get("UNICORN_ENGINE", "")
    if engine == "":
        forks: dg.ExecutorDefinition = dg.multiprocess_executor.configured(
            {"start_method": {"forkserver": {"preload_modules": [FORKED, "dagster._core.executor.multiprocess"]}}}
        )
        return forks
    if engine == "kubernetes":
        from dagster_k8s import k8s_job_executor

        kubernetes: dg.ExecutorDefinition = k8s_job_executor
        return kubernetes
    if engine == "ecs":
        from dagster_aws.ecs import ecs_executor

        return ecs_executor
    raise UserError(
        f"UNICORN_ENGINE is {engine!r}", "set it to kubernetes or ecs; leave it unset where a run is one process"
    )


def _kubernetes(gpus: int) -> dict[str, Any]:
    amount = {"nvidia.com/gpu": str(gpus)}
    requests = _pairs("UNICORN_GPU_REQUESTS", DEFAULT_REQUESTS, "amounts")
    container: dict[str, Any] = {
        # Kubernetes wants requests and limits of an extended resource to be equal.
        "resources": {"requests": {**requests, **amount}, "limits": amount},
        "volume_mounts": [{"name": SHARED_MEMORY, "mount_path": "/dev/shm"}],
    }
    image = os.environ.get("UNICORN_GPU_IMAGE")
    if image:
        container["image"] = image
    pod: dict[str, Any] = {
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        # A container's default of 64 MB is too little for PyTorch workers and for vLLM on several GPUs.
        "volumes": [{"name": SHARED_MEMORY, "empty_dir": {"medium": "Memory", "size_limit": SHARED_MEMORY_LIMIT}}],
    }
    if nodes := _pairs("UNICORN_GPU_NODES", DEFAULT_GPU_NODES, "node labels"):
        pod["node_selector"] = nodes
    return {"container_config": container, "pod_spec_config": pod}


def _ecs_placement() -> dict[str, Any]:
    """Fargate has no GPUs: a step goes to a capacity provider of EC2 instances, with a task definition of its own."""
    placement: dict[str, Any] = {}
    if capacity := os.environ.get("UNICORN_ECS_GPU_CAPACITY"):
        placement["capacityProviderStrategy"] = [{"capacityProvider": capacity, "weight": 1}]
    if task := os.environ.get("UNICORN_ECS_GPU_TASK"):
        placement["taskDefinition"] = task
    return {"ecs/run_task_kwargs": placement} if placement else {}


def _pairs(variable: str, default: str, what: str) -> dict[str, str]:
    """`a=b,c=d` of a variable; empty for none."""
    pairs = {}
    for part in filter(None, (piece.strip() for piece in os.environ.get(variable, default).split(","))):
        key, equals, value = part.partition("=")
        if not (key and equals and value):
            raise UserError(f"{variable} has {part!r}", f"write {what} as key=value, separated by commas")
        pairs[key.strip()] = value.strip()
    return pairs
