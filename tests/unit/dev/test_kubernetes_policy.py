from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dev.kubernetes.policy import ours, restricted, violations
from dev.kubernetes.schemas import closed

CONTAINER: dict[str, Any] = {
    "name": "switchgear",
    "image": "switchgear:0.1.0",
    "env": [{"name": "SWITCHGEAR_KAFKA", "value": "kafka:9092"}],
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "startupProbe": {},
    "livenessProbe": {},
    "readinessProbe": {},
}
POD: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
LABELS = {"app": "switchgear"}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    pod = deepcopy(POD)
    change(pod)
    return pod


def release() -> list[dict[str, Any]]:
    named = {"name": "router"}
    pods = {"metadata": {"labels": LABELS}, "spec": POD}
    selector = {"matchLabels": LABELS}
    return [
        {"kind": "Deployment", "metadata": named, "spec": {"selector": selector, "template": pods}},
        {
            "kind": "PodDisruptionBudget",
            "metadata": named,
            "spec": {"maxUnavailable": 1, "selector": selector},
        },
        {"kind": "NetworkPolicy", "metadata": named, "spec": {"podSelector": selector}},
        {"kind": "ScaledObject", "metadata": named, "spec": {"scaleTargetRef": named}},
    ]


def test_a_pod_that_keeps_to_it_has_nothing_against_it() -> None:
    assert not [*restricted(POD), *ours(POD, long=True), *violations(release())]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
        (lambda pod: pod["volumes"].append({"name": "x", "hostPath": {}}), "hostPath"),
        (lambda pod: pod["securityContext"].pop("runAsNonRoot"), "root"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccomp"),
        (lambda pod: pod["containers"][0].pop("securityContext"), "privileges"),
        (
            lambda pod: pod["containers"][0]["securityContext"]["capabilities"].update(add=["A"]),
            "adds capabilities",
        ),
        (lambda pod: pod.update(initContainers=[{"name": "i"}]), "container i: keeps"),
    ],
)
def test_what_the_restricted_standard_forbids(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    assert said in " ".join(restricted(changed(change)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pod: pod.pop("automountServiceAccountToken"), "token"),
        (lambda pod: pod["containers"][0].pop("resources"), "no memory limit"),
        (lambda pod: pod["containers"][0].update(image="switchgear"), "floats"),
        (lambda pod: pod["containers"][0].pop("readinessProbe"), "readinessProbe"),
        (
            lambda pod: pod["containers"][0]["env"].append(
                {"name": "OPENAI_API_KEY", "value": "sk-1"}
            ),
            "shows OPENAI_API_KEY",
        ),
    ],
)
def test_what_we_ask_beside_it(change: Callable[[dict[str, Any]], object], said: str) -> None:
    assert said in " ".join(ours(changed(change), long=True))


def without(kind: str) -> list[dict[str, Any]]:
    return [each for each in release() if each["kind"] != kind]


def test_what_manifests_must_be_together() -> None:
    assert "no PodDisruptionBudget" in " ".join(violations(without("PodDisruptionBudget")))
    assert "no NetworkPolicy" in " ".join(violations(without("NetworkPolicy")))
    assert "isn't there" in " ".join(violations(without("Deployment")))
    fixed = release()
    fixed[0]["spec"]["replicas"] = 2
    assert "undo its scaling" in " ".join(violations(fixed))


def test_a_closed_schema_knows_no_other_fields() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    free = {"type": "object", "additionalProperties": {"type": "string"}}
    schema = {
        "properties": {"metadata": inner, "spec": inner, "labels": free, "list": {"items": inner}}
    }
    shut = closed(schema)
    assert shut["additionalProperties"] is False
    assert shut["properties"]["spec"]["additionalProperties"] is False
    assert shut["properties"]["list"]["items"]["additionalProperties"] is False
    assert shut["properties"]["metadata"] == inner
    assert shut["properties"]["labels"] == free
