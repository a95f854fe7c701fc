"""deploy/ecs: task definitions, services and policies as AWS takes them, and no right that nothing needs."""

import json
import re
from pathlib import Path

import boto3
import botocore.session
import dagster_aws.ecs
import pytest
import yaml
from botocore import xform_name
from botocore.validate import ParamValidator
from dagster._config import validate_config
from dagster_aws.ecs import EcsRunLauncher
from dagster_aws.ecs.container_context import EcsContainerContext

from unicorn_assets_tests.deploy.test_instance_config import ENVIRONMENT, ROOT

FOLDER = ROOT / "deploy" / "ecs"
PLACES = {
    "ACCOUNT": "123456789012", "REGION": "eu-west-1", "REVISION": "0a1b2c3d4e5f", "BUCKET": "unicorn",
    "SUBNET": "subnet-1", "SECURITY_GROUP": "sg-1",
}  # fmt: skip
TASKS = ("webserver", "daemon", "code", "gpu-step")
ROLES = ("execution", "webserver", "daemon", "code", "run")


def filled(name: str):
    """A file with the places that an operator fills in by sed."""
    return json.loads(re.sub(rf"\b({'|'.join(PLACES)})\b", lambda match: PLACES[match[0]], read(name)))


def read(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()


def container(task: str) -> dict:
    (found,) = filled(task)["containerDefinitions"]
    return found


def variables(task: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container(task)["environment"]}


def secrets(task: str) -> set[str]:
    return {one["name"] for one in container(task)["secrets"]}


def actions(role: str) -> set[str]:
    return {action for statement in filled(f"iam/{role}")["Statement"] for action in statement["Action"]}


@pytest.fixture
def aws(monkeypatch):
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield lambda service: boto3.client(service, region_name=PLACES["REGION"])


def test_aws_registers_tasks_and_roles(aws):
    iam, ecs = aws("iam"), aws("ecs")
    for role in ROLES:
        iam.create_role(RoleName=f"unicorn-{role}", AssumeRolePolicyDocument=json.dumps(filled("iam/trust")))
        iam.put_role_policy(
            RoleName=f"unicorn-{role}", PolicyName="rights", PolicyDocument=json.dumps(filled(f"iam/{role}"))
        )
    for task in TASKS:
        made = ecs.register_task_definition(**filled(task))["taskDefinition"]
        assert made["family"] == f"unicorn-{task}"
        for field in ("taskRoleArn", "executionRoleArn"):
            iam.get_role(RoleName=made[field].rsplit("/", 1)[1])


def test_services_are_what_the_aws_api_takes():
    request = botocore.session.get_session().get_service_model("ecs").operation_model("CreateService").input_shape
    for service in filled("services"):
        report = ParamValidator().validate(service, request)
        assert not report.has_errors(), report.generate_report()
        assert service["taskDefinition"].removeprefix("unicorn-") in TASKS
    (location,) = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())["load_from"]
    (code,) = [service for service in filled("services") if service["serviceName"] == "code"]
    (offered,) = code["serviceConnectConfiguration"]["services"]
    (alias,) = offered["clientAliases"]
    assert (alias["dnsName"], alias["port"]) == (location["grpc_server"]["host"], location["grpc_server"]["port"])
    assert {port["name"]: port["containerPort"] for port in container("code")["portMappings"]} == {
        offered["portName"]: alias["port"]
    }


@pytest.mark.parametrize("task", TASKS)
def test_tasks_that_load_the_instance_have_its_variables_and_only_keys_that_they_use(task):
    assert set(ENVIRONMENT) <= set(variables(task)) | secrets(task)
    assert ("LLM_API_KEY" in secrets(task)) == (task in ("daemon", "gpu-step")), "the daemon hands it on to runs"
    assert not set(variables(task)) & {"DAGSTER_PG_PASSWORD", "LLM_API_KEY", "AWS_SECRET_ACCESS_KEY"}
    assert container(task)["user"] == "10001"


def test_a_run_gets_the_variables_of_the_code_location_from_the_daemon():
    ours = {name: value for name, value in variables("code").items() if name.startswith("UNICORN_")}
    for task in ("daemon", "gpu-step"):
        assert {name: variables(task)[name] for name in ours} == ours


def test_gpu_steps_go_where_the_environment_says():
    settings = yaml.safe_load((ROOT / "deploy" / "launchers" / "ecs.yaml").read_text())["run_launcher"]["config"]
    assert container("gpu-step")["name"] == settings["container_name"], "the executor overrides it by name"
    assert variables("code")["UNICORN_ECS_GPU_TASK"] == filled("gpu-step")["family"]
    assert container("gpu-step")["resourceRequirements"] == [{"type": "GPU", "value": "1"}]


def test_runs_have_their_own_role_by_the_code_locations_context():
    context = EcsContainerContext.create_from_config(json.loads(variables("code")["DAGSTER_CONTAINER_CONTEXT"]))
    assert context.task_role_arn == "arn:aws:iam::123456789012:role/unicorn-run"
    assert variables("code")["DAGSTER_CURRENT_IMAGE"] == container("code")["image"]


def calls(*files: str) -> set[str]:
    """Actions of AWS that these files of dagster-aws call, as policies write them."""
    source = "\n".join((Path(dagster_aws.ecs.__file__).parent / f"{file}.py").read_text() for file in files)
    found = set()
    for service, name in (("ecs", "ecs"), ("logs", "logs")):
        model = botocore.session.get_session().get_service_model(name)
        operations = {xform_name(operation): operation for operation in model.operation_names}
        called = re.findall(rf"\b(?:{service}|{service}_client)\.([a-z_]+)\(", source)
        found |= {f"{name}:{operations[call]}" for call in called if call in operations}
    return found | ({"ec2:DescribeNetworkInterfaces"} if "ec2.NetworkInterface" in source else set())


def test_roles_have_the_rights_that_their_code_calls_for_and_no_other():
    """PassRole and TagResource are asked of whoever starts a task with a role and tags."""
    started = {"iam:PassRole", "ecs:TagResource"}
    storage = {"s3:GetObject", "s3:ListBucket"}
    assert actions("daemon") == calls("launcher", "tasks", "utils") | started | storage
    writing = {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
    steps = calls("executor", "tasks") | {"ecs:RunTask"}  # the executor starts them by a function of utils
    assert actions("run") == steps | started | storage | writing
    assert actions("code") == storage
    assert actions("webserver") == storage | {"ecs:DescribeTasks", "ecs:StopTask", "ecs:DescribeTaskDefinition"}


def test_no_right_is_for_everything():
    for role in ROLES:
        for statement in filled(f"iam/{role}")["Statement"]:
            assert not [action for action in statement["Action"] if "*" in action]
            unbounded = statement["Resource"] == "*"
            known = {"ecs:RegisterTaskDefinition", "ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"}
            known |= {"ecr:GetAuthorizationToken"}
            assert not unbounded or set(statement["Action"]) <= known, "AWS bounds these by no resource"


def test_the_launcher_fits_its_schema():
    settings = yaml.safe_load((ROOT / "deploy" / "launchers" / "ecs.yaml").read_text())["run_launcher"]
    result = validate_config(EcsRunLauncher.config_type(), settings["config"])
    assert result.success, result.errors
    assert settings["class"] == EcsRunLauncher.__name__
