"""The chart as Helm renders it, held to the schemas, to the policy and to our code."""

import json
import re
import shlex
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.go_programs import KEDA, module_folder
from dev.kubernetes.chart import (
    CHART,
    SIZES,
    HelmError,
    Manifest,
    Release,
    helm,
    label,
    lint,
    rendered,
)
from dev.kubernetes.policy import pod_of, violations
from dev.kubernetes.schemas import problems
from gateway.connections.http_limits import HttpLimits
from observability.metrics.names import GAUGES
from observability.settings import ObservabilitySettings
from runtime.config.catalog import Catalog
from runtime.config.config_file import read_config
from runtime.consuming.queue_groups import (
    batch_queues,
    group_of,
    group_of_batch_queue,
    queues_of,
)
from runtime.consuming.stream import StreamSettings
from runtime.process.settings import ServiceSettings
from switchgear.__main__ import main

pytestmark = [
    pytest.mark.kubernetes,
    pytest.mark.timeout(900),  # the first run builds Helm
]
ROOT = Path(__file__).parents[2]
BESIDE_QUEUES_MB = 370
"""Of a worker: `bench/results/pipeline.json`, and 83 and 39 of the second look (ADR 0059)."""
BYTES_A_BYTE = 1.8
"""Memory that a byte of a waiting record takes, measured."""


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Release]:
    """Each value file with a configuration that it is meant for."""
    told = yaml.safe_load((ROOT / "switchgear.yaml").read_text(encoding="utf-8"))
    everything = deepcopy(told)
    everything["deployments"]["anthropic-haiku-4.5"]["batch"] = {}
    catalog = read_config(ROOT / "switchgear.yaml")
    european = {name for name, one in catalog.deployments.items() if one.zone == "eu"}
    told["deployments"] = {
        name: one for name, one in told["deployments"].items() if name in european
    }
    for tier in told["tiers"].values():
        tier["deployments"] = [name for name in tier["deployments"] if name in european]
    told["default_baseline"] = "bedrock-opus-4.6"
    folder = tmp_path_factory.mktemp("configurations")
    configurations = {"small": everything, "production": everything, "eu-cell": told}
    for size, configuration in configurations.items():
        (folder / f"{size}.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    return {size: Release(size, folder / f"{size}.yaml") for size in SIZES}


@cache
def manifests_of(release: Release) -> list[Manifest]:
    return rendered(release)


@pytest.fixture(params=SIZES)
def release(request: pytest.FixtureRequest, releases: Mapping[str, Release]) -> Release:
    return releases[request.param]


@pytest.fixture
def manifests(release: Release) -> list[Manifest]:
    return manifests_of(release)


def catalog_of(release: Release) -> Catalog:
    assert release.config is not None
    return read_config(release.config)


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for manifest in manifests:
        if (pod := pod_of(manifest)) is not None:
            yield label(manifest), pod["containers"][0]


def variables(container: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


def served_by(container: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """The queues that a pool's command serves."""
    words = container["args"]
    tier = words[words.index("--tier") + 1]
    zones = [words[at + 1] for at, word in enumerate(words) if word == "--zone"]
    return queues_of(catalog, tier, zones, unbound="--unbound" in words)


def pools(manifests: list[Manifest]) -> dict[str, Mapping[str, Any]]:
    return {
        name.removeprefix("Deployment "): container
        for name, container in containers(manifests)
        if "--tier" in container["args"]
    }


def test_helm_kubernetes_keda_and_the_policy_take_it(
    release: Release, manifests: list[Manifest]
) -> None:
    lint(release)
    assert [f"{label(each)}: {wrong}" for each in manifests for wrong in problems(each)] == []
    assert list(violations(manifests)) == []


def test_every_queue_of_the_configuration_has_a_pool(
    release: Release, manifests: list[Manifest]
) -> None:
    catalog = catalog_of(release)
    served = {q for pool in pools(manifests).values() for q in served_by(pool, catalog)}
    assert served == {queue for tier in catalog.tiers for queue in queues_of(catalog, tier)}


def test_a_pool_scales_by_the_lag_of_each_queue_that_it_serves(
    release: Release, manifests: list[Manifest]
) -> None:
    catalog = catalog_of(release)
    scalers = of_kind(manifests, "ScaledObject")
    for name, container in pools(manifests).items():
        if release.size == "small":
            assert name not in scalers
            continue
        expected = {(group_of(queue), queue) for queue in served_by(container, catalog)}
        assert kafka_triggers(scalers[name]) == expected


def kafka_triggers(scaler: Manifest) -> set[tuple[str, str]]:
    triggers = [each["metadata"] for each in scaler["spec"]["triggers"] if each["type"] == "kafka"]
    return {(each["consumerGroup"], each["topic"]) for each in triggers}


def test_the_batch_pool_scales_to_zero_once_no_batch_is_open(
    releases: Mapping[str, Release],
) -> None:
    release = releases["production"]
    scaler = of_kind(manifests_of(release), "ScaledObject")["switchgear-batch"]["spec"]
    queues = batch_queues(catalog_of(release))
    assert kafka_triggers({"spec": scaler}) == {(group_of_batch_queue(q), q) for q in queues}
    assert scaler["minReplicaCount"] == 0
    (open_batches,) = (each for each in scaler["triggers"] if each["type"] == "prometheus")
    assert "switchgear_batches_open" in open_batches["metadata"]["query"]
    assert open_batches["metadata"]["activationThreshold"] == "0"
    assert "fallback" not in scaler


def test_keda_knows_every_parameter_of_a_trigger(manifests: list[Manifest]) -> None:
    schema = json.loads(
        (module_folder(KEDA) / "schema/generated/scalers-schema.json").read_text(encoding="utf-8")
    )
    known = {each["type"]: {p["name"] for p in each["parameters"]} for each in schema["scalers"]}
    for scaler in of_kind(manifests, "ScaledObject").values():
        for trigger in scaler["spec"]["triggers"]:
            assert trigger["metadata"].keys() <= known[trigger["type"]]
            assert all(isinstance(value, str) for value in trigger["metadata"].values())
    for login in of_kind(manifests, "TriggerAuthentication").values():
        assert {p["parameter"] for p in login["spec"]["secretTargetRef"]} <= known["kafka"]


def test_a_pod_may_drain_before_it_is_killed(manifests: list[Manifest]) -> None:
    for name, manifest in of_kind(manifests, "Deployment").items():
        pod = manifest["spec"]["template"]["spec"]
        words = pod["containers"][0]["args"]
        drains_s = StreamSettings(concurrency=1).stop_grace_s
        if "gateway" in words:
            drains_s = HttpLimits().stop_grace_s + float(words[words.index("--drain") + 1])
        assert pod["terminationGracePeriodSeconds"] >= drains_s + 15, name


def test_memory_holds_what_may_wait(release: Release, manifests: list[Manifest]) -> None:
    catalog = catalog_of(release)
    for name, container in pools(manifests).items():
        backlog_mb = int(variables(container)["SWITCHGEAR_BACKLOG_MB"])
        queues = 1 + len(served_by(container, catalog))  # and the retry topics
        needed = BESIDE_QUEUES_MB + BYTES_A_BYTE * backlog_mb * queues
        limit = container["resources"]["limits"]["memory"]
        assert int(limit.removesuffix("Gi")) * 1024 >= needed, name


def test_the_processes_know_every_variable(manifests: list[Manifest]) -> None:
    known = {*ServiceSettings.model_fields, *ObservabilitySettings.model_fields}
    for _, container in containers(manifests):
        assert {n.removeprefix("SWITCHGEAR_").lower() for n in variables(container)} <= known


def test_the_command_takes_every_argument(
    manifests: list[Manifest], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, container in containers(manifests):
        for program, *words in commands_of(container["args"]):
            assert program == "switchgear"
            assert main([*words, "--help"]) == 0, (name, capsys.readouterr().err)


def commands_of(arguments: list[str]) -> list[list[str]]:
    """Of a container; where a shell begins them, those of its script."""
    if arguments[:2] != ["sh", "-c"]:
        return [arguments]
    script, _, *further = arguments[2:]
    lines = [shlex.split(line.replace("exec ", "")) for line in script.split(" && ")]
    return [[w for word in line for w in (further if word == "$@" else [word])] for line in lines]


def test_the_evaluations_shell_runs_what_it_was_given(
    releases: Mapping[str, Release], tmp_path: Path
) -> None:
    job = of_kind(manifests_of(releases["production"]), "CronJob")["switchgear-evaluation"]
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    told = tmp_path / "switchgear"
    told.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s|" "$word"; done; echo\n')
    told.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    arguments = pod["containers"][0]["args"]
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    sample, run = ran.stdout.splitlines()
    assert sample.startswith("evaluate|sample|lately|--since|1d|")
    assert re.match(r"evaluate\|run\|switchgear-evaluation-\d{4}-\d\d-\d\d\|--data\|lately\|", run)
    assert run.endswith("--candidate|mistral-small-3|--baseline|gpt-4o-mini|")


def test_selectors_of_services_find_a_named_port(manifests: list[Manifest]) -> None:
    pods = [m["spec"]["template"] for m in of_kind(manifests, "Deployment").values()]
    for service in of_kind(manifests, "Service").values():
        selected = [
            pod
            for pod in pods
            if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ]
        assert selected
        for port in service["spec"]["ports"]:
            for pod in selected:
                named = {each["name"] for each in pod["spec"]["containers"][0]["ports"]}
                assert port["targetPort"] in named


def test_what_watches_it_is_what_the_repository_holds(releases: Mapping[str, Release]) -> None:
    manifests = manifests_of(releases["production"])
    rules = of_kind(manifests, "PrometheusRule")["switchgear"]["spec"]
    folder = ROOT / "observability" / "dashboards"
    assert rules == yaml.safe_load((folder / "prometheus" / "alerts.yaml").read_text())
    dashboards = of_kind(manifests, "ConfigMap")["switchgear-dashboards"]["data"]
    assert {name: json.loads(text) for name, text in dashboards.items()} == {
        path.name: json.loads(path.read_text()) for path in (folder / "grafana").iterdir()
    }
    (endpoint,) = of_kind(manifests, "ServiceMonitor")["switchgear"]["spec"]["endpoints"]
    assert {each["targetLabel"] for each in endpoint["relabelings"]} == {"job", "service"}
    metric = of_kind(manifests, "HorizontalPodAutoscaler")["switchgear-gateway"]["spec"]["metrics"]
    assert metric[0]["pods"]["metric"]["name"] in GAUGES


def test_prometheus_reads_the_queries_of_the_triggers(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    queries = [
        trigger["metadata"]["query"]
        for scaler in of_kind(manifests, "ScaledObject").values()
        for trigger in scaler["spec"]["triggers"]
        if trigger["type"] == "prometheus"
    ]
    rules = [{"record": f"query:{number}", "expr": q} for number, q in enumerate(queries)]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "triggers", "rules": rules}]}))
    subprocess.run(
        ["promtool", "check", "rules", str(path)],  # noqa: S607 on the PATH
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize(
    ("size", "settings", "said"),
    [
        ("small", ["poolDefaults.scaling.enabled=true"], "needs `zones` or `unbound: true`"),
        ("small", ["ledger.replicas=2"], "a DuckDB file has one ledger"),
        ("production", ["prometheus.address="], "would go while batches are open"),
        ("small", ["pools.economy.tier="], "pools.economy.tier is missing"),
        ("small", ["router.replicsa=3"], "replicsa"),
        ("small", ["pools.economy.zone=eu"], "zone"),
        ("small", ["kafka.securityProtocol=TLS"], "securityProtocol"),
        ("small", ["router.resources.requests.memroy=1Gi"], "memroy"),
        ("small", ["router.resources.limits.memory=1GB"], "memory"),
        ("small", ["image.digest=latest"], "digest"),
        ("small", ["kafka.brokers="], "brokers"),
        ("small", ["logLevel=LOUD"], "logLevel"),
        ("small", ["topics.replication=0"], "replication"),
        ("small", ["networkPolicy.kafkaPorts={kafka}"], "kafkaPorts"),
        ("small", ["terminationGracePeriodSeconds=10"], "terminationGracePeriodSeconds"),
        ("small", ["evaluation.schedule=nightly"], "schedule"),
        ("small", ["router.scaling.enabled=true", "router.scaling.min=9"], "min 9 is more than"),
    ],
)
def test_what_can_not_work_is_refused_with_its_name(
    size: str, settings: list[str], said: str, releases: Mapping[str, Release]
) -> None:
    release = Release(size, releases[size].config, settings)
    with pytest.raises(HelmError, match=said):
        rendered(release)


def test_a_release_without_a_configuration_is_refused() -> None:
    with pytest.raises(HelmError, match="`config` is missing"):
        rendered(Release("small", None))


def test_another_configuration_or_image_is_another_job(releases: Mapping[str, Release]) -> None:
    small = releases["small"]
    names = {
        next(iter(of_kind(rendered(Release("small", config, settings)), "Job")))
        for config, settings in (
            (small.config, ()),
            (small.config, ("image.tag=v2",)),
            (releases["eu-cell"].config, ()),
        )
    }
    assert len(names) == 3
    assert all(len(name) <= 63 for name in names)


def test_a_packaged_chart_holds_the_dashboards(tmp_path: Path) -> None:
    helm("package", str(CHART), "--destination", str(tmp_path))
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        names = archive.getnames()
    assert "switchgear/files/dashboards/switchgear-operations.json" in names
    assert "switchgear/files/alerts.yaml" in names
