"""Both Compose files as Compose itself reads them, by its own library."""

from collections.abc import Mapping
from typing import Any

import pytest

from dev.compose import ComposeError, composed
from switchgear.__main__ import main

pytestmark = pytest.mark.timeout(600)  # the first run builds the reader with Go
FILES = ("docker-compose.yml", "docker-compose.secure.yml")
ROLES = ("broker", "admin", "router", "worker", "gateway", "ledger")
PASSWORDS = {f"KAFKA_{role.upper()}_PASSWORD": f"word-of-{role}" for role in ROLES}
SECRETS = {**PASSWORDS, "REDIS_PASSWORD": "word-of-redis"}
USERS = {
    "topics": "admin", "router": "router", "economy": "worker", "standard": "worker",
    "premium": "worker", "gateway": "gateway", "producer": "gateway", "ledger": "ledger",
    "live": "ledger",
}  # fmt: skip


@pytest.fixture(scope="module")
def secure() -> Mapping[str, Any]:
    services: Mapping[str, Any] = composed(FILES, SECRETS)["services"]
    return services


def test_each_process_logs_in_as_its_role_and_knows_no_other_password(
    secure: Mapping[str, Any],
) -> None:
    for name, user in USERS.items():
        told = secure[name]["environment"]
        assert told["SWITCHGEAR_KAFKA_SECURITY_PROTOCOL"] == "SASL_PLAINTEXT"
        assert told["SWITCHGEAR_KAFKA_SASL_USERNAME"] == user
        passwords = {value for value in told.values() if str(value).startswith("word-of-")}
        assert passwords == {PASSWORDS[f"KAFKA_{user.upper()}_PASSWORD"]}
        assert told["SWITCHGEAR_KAFKA"] == "kafka:9092"


def test_redis_asks_for_the_password_that_its_users_have(secure: Mapping[str, Any]) -> None:
    assert secure["redis"]["command"][-2:] == ["--requirepass", "word-of-redis"]
    for name in ("router", "economy", "gateway"):
        assert "word-of-redis@redis:6379" in secure[name]["environment"]["SWITCHGEAR_REDIS"]


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_password_nothing_is_started(missing: str) -> None:
    given = {name: value for name, value in SECRETS.items() if name != missing}
    with pytest.raises(ComposeError, match=f"{missing} is missing a value"):
        composed(FILES, given)


@pytest.mark.parametrize("files", [FILES[:1], FILES])
def test_no_port_is_open_to_the_network_and_no_process_may_write(files: tuple[str, ...]) -> None:
    services = composed(files, SECRETS)["services"]
    for name, service in services.items():
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ())), name
        if service["image"].startswith("switchgear"):
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name


def test_the_command_takes_what_each_service_starts(capsys: pytest.CaptureFixture[str]) -> None:
    for name, service in composed(FILES[:1], {})["services"].items():
        program, *words = service.get("command") or [""]
        if program == "switchgear":
            assert main([*words, "--help"]) == 0, (name, capsys.readouterr().err)
