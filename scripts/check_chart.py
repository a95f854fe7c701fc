"""deploy/helm and deploy/k8s against Dagster's own chart and Kubernetes' schemas: what `helm template` would send.

    uv run --with helm-python-sdk --with kubernetes-validate scripts/check_chart.py CHART

CHART is a folder with Dagster's chart (`helm pull dagster/dagster --untar`). Helm itself comes with the first package;
no cluster is asked. Kubernetes' schemas come with the second, for the chart's own schema refers to them by address.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = "1.33"
SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local"


def offline(chart: Path, folder: Path) -> Path:
    """A copy of the chart whose schema finds Kubernetes' definitions on this machine."""
    copy = Path(shutil.copytree(chart, folder / chart.name))
    here = f"{(SCHEMAS / '_definitions.json').as_uri()}#/$defs"
    for file in copy.rglob("values.schema.json"):
        file.write_text(re.sub(r'https?://[^"]*_definitions\.json#/definitions', lambda _: here, file.read_text()))
    return copy


def merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two values files in the order of helm's -f."""
    both = {**base, **other}
    for key in base.keys() & other.keys():
        if isinstance(base[key], dict) and isinstance(other[key], dict):
            both[key] = merged(base[key], other[key])
    return both


def manifests(chart: Path, files: list[Path]) -> Iterator[dict[str, Any]]:
    """What the chart makes of values files; values that its schema refuses are an error here."""
    values: dict[str, Any] = {}
    for file in files:
        values = merged(values, yaml.safe_load(file.read_text()))
    rendered = helm_python.Chart.load(str(chart)).render(values, name="unicorn", namespace="unicorn")
    for name, text in rendered.items():
        yield from filter(None, yaml.safe_load_all(text) if name.endswith(".yaml") else ())


def main(chart: Path) -> int:
    """Say of each manifest whether it would be taken; 1 when one would not."""
    helm = DEPLOY / "helm"
    with tempfile.TemporaryDirectory() as folder:
        found = list(manifests(offline(chart, Path(folder)), [helm / "values.yaml", helm / "login.yaml"]))
    for file in sorted((DEPLOY / "k8s").glob("[!k]*.yaml")):  # no kustomization
        found += yaml.safe_load_all(file.read_text())
    bad = 0
    for one in found:
        title = f"{one['kind']} {one['metadata']['name']}"
        if one["apiVersion"].startswith("keda.sh/"):
            print(f"not checked: {title}: Kubernetes has no schema for it")
            continue
        try:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            bad += 1
            print(f"BAD {title}: {error.message}")
        else:
            print(f"ok  {title}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
