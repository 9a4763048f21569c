"""Policy of manifests: Kubernetes' restricted Pod Security Standard, and what we ask beside it.

Pure: takes parsed manifests, yields what is wrong in words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]
_VOLUMES: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
    | {"projected", "secret"}
)
"""The kinds of volume that the restricted standard lets a pod have."""
_SECRET: Final = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|API_KEY|REDIS$|LEDGER$")
_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
_PATH: Final = re.compile(r"/[a-z][a-z/-]+\.(key|duckdb)")
"""What a variable with a secret's name may say: where it is."""


def violations(manifests: Iterable[Manifest]) -> Iterator[str]:
    """What is wrong with a release's manifests, each with the manifest's name."""
    every = list(manifests)
    for manifest in every:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        pod = pod_of(manifest)
        if pod is not None:
            for wrong in (*restricted(pod), *ours(pod, long=manifest["kind"] == "Deployment")):
                yield f"{name}: {wrong}"
    yield from _together(every)


def pod_of(manifest: Manifest) -> Manifest | None:
    """The pod's spec in a workload; None for what runs nothing."""
    match manifest["kind"]:
        case "Deployment" | "StatefulSet" | "Job":
            pod: Manifest = manifest["spec"]["template"]["spec"]
        case "CronJob":
            pod = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        case _:
            return None
    return pod


def restricted(pod: Manifest) -> Iterator[str]:
    """What the restricted Pod Security Standard (v1.34) has against a pod."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", ()):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is a {kind}"
    whole = pod.get("securityContext", {})
    for container in (*pod["containers"], *pod.get("initContainers", ())):
        yield from (f"container {container['name']}: {x}" for x in _container(container, whole))


def _container(container: Manifest, whole: Manifest) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = {**whole, **own}
    capabilities = own.get("capabilities", {})
    wrong = {
        "is privileged": own.get("privileged"),
        "may gain privileges": own.get("allowPrivilegeEscalation") is not False,
        "may run as root": both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0,
        "has no seccomp profile": both.get("seccompProfile", {}).get("type")
        not in {"RuntimeDefault", "Localhost"},
        "keeps capabilities": "ALL" not in capabilities.get("drop", ()),
        "adds capabilities": set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"},
        "takes a port of its host": any("hostPort" in each for each in container.get("ports", ())),
    }
    yield from (said for said, holds in wrong.items() if holds)


def ours(pod: Manifest, *, long: bool) -> Iterator[str]:
    """What we ask beside it. long: it runs until it is stopped, so it is probed and drained."""
    if pod.get("automountServiceAccountToken") is not False:
        yield "has a token for the API server"
    for container in pod["containers"]:
        resources = container.get("resources", {})
        wrong = {
            "requests no cpu": "cpu" not in resources.get("requests", {}),
            "requests no memory": "memory" not in resources.get("requests", {}),
            "has no memory limit": "memory" not in resources.get("limits", {}),
            "may write to its image's files": not container.get("securityContext", {}).get(
                "readOnlyRootFilesystem"
            ),
            "takes an image that floats": re.search(r":latest$|^[^:@]+$", container["image"]),
            **{f"has no {probe}": long and probe not in container for probe in _PROBES},
            **{f"shows {name}": True for name in _open_secrets(container)},
        }
        yield from (said for said, holds in wrong.items() if holds)


def _open_secrets(container: Manifest) -> Iterator[str]:
    """Variables with a secret's name whose value stands in the manifest."""
    for variable in container.get("env", ()):
        value = variable.get("value")
        if value and _SECRET.search(variable["name"]) and not _PATH.fullmatch(value):
            yield variable["name"]


def _together(every: list[Manifest]) -> Iterator[str]:
    """What no manifest shows alone."""
    scaled = {
        (target.get("kind", "Deployment"), target["name"])
        for target in (m["spec"]["scaleTargetRef"] for m in every if "scaleTargetRef" in _spec(m))
    }
    deployments = {m["metadata"]["name"]: m for m in every if m["kind"] == "Deployment"}
    budgets = [m for m in every if m["kind"] == "PodDisruptionBudget"]
    policies = [m["spec"]["podSelector"] for m in every if m["kind"] == "NetworkPolicy"]
    for name, deployment in deployments.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        wrong = {
            "each upgrade would undo its scaling": ("Deployment", name) in scaled
            and "replicas" in deployment["spec"],
            "doesn't select its own pods": not _matches(deployment["spec"]["selector"], labels),
            "has no PodDisruptionBudget": not any(
                _matches(budget["spec"]["selector"], labels) for budget in budgets
            ),
            "has no NetworkPolicy": not any(_matches(policy, labels) for policy in policies),
        }
        yield from (f"Deployment {name}: {said}" for said, holds in wrong.items() if holds)
    for budget in budgets:
        if "maxUnavailable" not in budget["spec"]:
            yield f"PodDisruptionBudget {budget['metadata']['name']}: may block a node's drain"
    for kind, name in scaled - {("Deployment", name) for name in deployments}:
        yield f"{kind} {name}: is scaled and isn't there"


def _spec(manifest: Manifest) -> Manifest:
    spec: Manifest = manifest.get("spec", {})
    return spec


def _matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items() and "matchExpressions" not in selector
