"""docker-compose.yml, Prometheus' configuration and Grafana's provisioning fit together."""

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

import observability.dashboards
from observability.settings import ObservabilitySettings

ROOT: Final = Path(__file__).parents[4]
FOLDER: Final = Path(observability.dashboards.__file__).parent
COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
PROMETHEUS: Final = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yaml").read_text())
SOURCES: Final = FOLDER / "provisioning" / "datasources" / "switchgear.yaml"
PROVIDERS: Final = FOLDER / "provisioning" / "dashboards" / "switchgear.yaml"

TEXT: Final = {"type": "string", "minLength": 1}
DATA_SOURCES: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "datasources"],
    "properties": {
        "apiVersion": {"const": 1},
        "datasources": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "type", "uid", "url"],
                "properties": {
                    "name": TEXT,
                    "type": {"enum": ["prometheus", "jaeger"]},
                    "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
                    "url": {"type": "string", "pattern": "^http://"},
                    "access": {"enum": ["proxy", "direct"]},
                    "isDefault": {"type": "boolean"},
                    "editable": {"type": "boolean"},
                    "jsonData": {"type": "object"},
                },
            },
        },
    },
}
DASHBOARD_PROVIDERS: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "providers"],
    "properties": {
        "apiVersion": {"const": 1},
        "providers": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "type", "options"],
                "properties": {
                    "name": TEXT,
                    "orgId": {"type": "integer"},
                    "folder": {"type": "string"},
                    "folderUid": {"type": "string"},
                    "type": {"const": "file"},
                    "disableDeletion": {"type": "boolean"},
                    "updateIntervalSeconds": {"type": "integer"},
                    "allowUiUpdates": {"type": "boolean"},
                    "options": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["path"],
                        "properties": {
                            "path": TEXT,
                            "foldersFromFilesStructure": {"type": "boolean"},
                        },
                    },
                },
            },
        },
    },
}
"""As Grafana's manual has the two files ("Provision Grafana")."""


def mounts(service: str) -> dict[str, str]:
    """What is mounted where: the path or volume, by the path inside."""
    pairs = (mount.split(":") for mount in SERVICES[service]["volumes"])
    return {inside: outside for outside, inside, *_ in pairs}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reachable_from_this_machine_alone_and_pinned(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert re.fullmatch(r"[\w./-]+:(v?\d+\.\d+[\w.-]*|local)", service["image"])
    for inside, outside in mounts(name).items() if "volumes" in service else ():
        assert inside.startswith("/")
        assert (
            (ROOT / outside).exists() if outside.startswith(".") else outside in COMPOSE["volumes"]
        )


@pytest.mark.parametrize(
    "name", ["router", "economy", "gateway", "ledger", "live", "prometheus", "grafana"]
)
def test_it_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", ["gateway", "ledger", "live", "prometheus", "grafana"])
def test_what_calls_no_provider_has_no_key_of_one(name: str) -> None:
    assert not [key for key in SERVICES[name].get("environment", {}) if key.endswith("API_KEY")]


def test_prometheus_scrapes_every_process_where_it_listens() -> None:
    (job,) = PROMETHEUS["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    listening = {
        name
        for name, service in SERVICES.items()
        if service.get("environment", {}).get("SWITCHGEAR_METRICS_PORT") == str(found["port"])
    }
    assert set(found["names"]) == listening - {"topics", "producer"}
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]


def test_prometheus_finds_its_files() -> None:
    (rules,) = PROMETHEUS["rule_files"]
    config = f"--config.file={Path(rules).parent}/prometheus.yaml"
    assert config in SERVICES["prometheus"]["command"]
    folder = ROOT / mounts("prometheus")[str(Path(rules).parent)]
    assert folder.resolve() == (FOLDER / "prometheus").resolve()
    assert (folder / Path(rules).name).exists()


def test_grafanas_files_are_as_its_manual_says() -> None:
    jsonschema.validate(yaml.safe_load(SOURCES.read_text()), DATA_SOURCES)
    jsonschema.validate(yaml.safe_load(PROVIDERS.read_text()), DASHBOARD_PROVIDERS)
    assert (ROOT / mounts("grafana")["/etc/grafana/provisioning"]).resolve() == SOURCES.parents[1]


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    (source,) = (
        source
        for source in yaml.safe_load(SOURCES.read_text())["datasources"]
        if source["type"] == "prometheus"
    )
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_the_images_that_are_tried_are_those_of_compose() -> None:
    tried = set(
        re.findall(r"\b(?:[a-z]+/)?[a-z]+:v?\d[\w.-]*", (ROOT / "tests/compose/run.sh").read_text())
    )
    used = {service["image"] for service in SERVICES.values()}
    assert {image for image in used if not image.endswith(":local")} <= tried


def test_grafana_finds_the_dashboards_and_the_home_one() -> None:
    (provider,) = yaml.safe_load(PROVIDERS.read_text())["providers"]
    path = provider["options"]["path"]
    assert (ROOT / mounts("grafana")[path]).resolve() == (FOLDER / "grafana").resolve()
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == path
    assert (FOLDER / "grafana" / home.name).exists()


def test_grafana_lets_anybody_look_and_nobody_in() -> None:
    told = SERVICES["grafana"]["environment"]
    assert told["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert told["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert told["GF_AUTH_BASIC_ENABLED"] == "false"


def test_every_panel_asks_a_data_source_that_is_there() -> None:
    sources = {
        source["uid"]: source for source in yaml.safe_load(SOURCES.read_text())["datasources"]
    }
    for source in sources.values():
        assert urlsplit(source["url"]).hostname in SERVICES
        for exemplar in source.get("jsonData", {}).get("exemplarTraceIdDestinations", ()):
            assert sources[exemplar["datasourceUid"]]["type"] == "jaeger"
            assert exemplar["name"] == "trace_id"
    for file in (FOLDER / "grafana").glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            for asked in (panel, *panel["targets"]):
                assert sources[asked["datasource"]["uid"]]["type"] == asked["datasource"]["type"]


def test_the_ledger_keeps_its_file_in_its_volume() -> None:
    file = Path(SERVICES["ledger"]["environment"]["SWITCHGEAR_LEDGER"])
    assert mounts("ledger")[str(file.parent)] in COMPOSE["volumes"]
    # its owner: a new volume takes over that of the image's folder
    assert (
        f"install --directory --owner switchgear {file.parent}" in (ROOT / "Dockerfile").read_text()
    )


@pytest.mark.parametrize("name", ["ledger", "live"])
def test_what_the_environment_says_is_known_to_the_process(name: str) -> None:
    told = SERVICES[name]["environment"]
    known = {f"SWITCHGEAR_{field.upper()}" for field in ObservabilitySettings.model_fields}
    assert set(told) <= known
