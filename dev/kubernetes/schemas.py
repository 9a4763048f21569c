"""Schemas of manifests: Kubernetes' own, and those of the resources that operators add.

Kubernetes' come with `kubernetes-validate`, strictly: a field that isn't there is an error. A CRD's
schema lets unknown fields pass, so each of its objects is closed first.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import jsonschema
import kubernetes_validate
import yaml

from dev.go_programs import EXTERNAL_SECRETS, KEDA, module_folder
from dev.kubernetes.chart import Manifest

Schema: TypeAlias = Mapping[str, Any]
KUBERNETES_VERSIONS: Final = ("1.29", "1.34", "1.37")
"""The oldest that the chart names, the one of the API server's dry run, the newest known."""


@dataclass(frozen=True, slots=True)
class CrdFolder:
    """Where a module (`path@version`) has its custom resource definitions."""

    module: str
    folder: str


_CRD_FOLDERS: Final = {
    "keda.sh": CrdFolder(KEDA, "config/crd/bases"),
    "external-secrets.io": CrdFolder(EXTERNAL_SECRETS, "config/crds/bases"),
}
NO_SCHEMA: Final = frozenset({"monitoring.coreos.com"})
"""Prometheus' operator publishes no module with its definitions: `test_chart.py` looks at these."""


def problems(manifest: Manifest) -> Iterator[str]:
    """What the schemas of all versions have against it."""
    group = manifest["apiVersion"].rpartition("/")[0]
    if group in NO_SCHEMA:
        return
    if group in _CRD_FOLDERS:
        validator = jsonschema.Draft202012Validator(
            closed(crd_schema(group, manifest["kind"], manifest["apiVersion"].rpartition("/")[2]))
        )
        for error in validator.iter_errors(manifest):
            yield f"{error.json_path}: {error.message}"
        return
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(dict(manifest), version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {error.json_path}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{version}: {error.message}"


def crd_files() -> Iterator[Path]:
    """The definitions of every kind that the chart may use."""
    for crds in _CRD_FOLDERS.values():
        folder = module_folder(crds.module) / crds.folder
        yield from sorted(folder.glob("keda.sh_*.yaml"))
        yield from sorted(folder.glob("external-secrets.io_externalsecrets.yaml"))


@cache
def crd_schema(group: str, kind: str, version: str) -> Schema:
    """The schema of one version of a kind. Raises LookupError if there is none."""
    for path in crd_files():
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        if spec["group"] == group and spec["names"]["kind"] == kind:
            for served in spec["versions"]:
                if served["name"] == version:
                    schema: Schema = served["schema"]["openAPIV3Schema"]
                    return schema
    raise LookupError(f"no definition of {group}/{version} {kind}")


def closed(schema: Schema, *, top: bool = True) -> Schema:
    """The schema in which an object has only the fields that are named.

    `metadata` of the whole stays open: Kubernetes defines it, not the CRD.
    """
    copy = dict(deepcopy(schema)) if top else dict(schema)
    named = copy.get("properties")
    if named is not None and not copy.get("x-kubernetes-preserve-unknown-fields"):
        copy["properties"] = {
            name: field if top and name == "metadata" else closed(field, top=False)
            for name, field in named.items()
        }
        copy.setdefault("additionalProperties", False)
    for under in ("items", "additionalProperties"):
        if isinstance(copy.get(under), Mapping):
            copy[under] = closed(copy[under], top=False)
    return copy
