"""One mapping of security settings, which every Kafka client of ours takes."""

import ast
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from observability.settings import ObservabilitySettings
from producers.kafka.connection import connection_options
from producers.settings import ClientSettings, KafkaSettings
from runtime.process.settings import ServiceSettings
from tests.rules.source import PACKAGES

ROOT = Path(__file__).parents[4]
ACCOUNT: dict[str, Any] = {"kafka_sasl_username": "me", "kafka_sasl_password": "s3cret"}
OAUTH: dict[str, Any] = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "oauthbearer",
}
ISSUER: dict[str, Any] = {
    "kafka_oauth_token_url": "https://issuer/token",
    "kafka_oauth_client_id": "me",
    "kafka_oauth_client_secret": "s3cret",
}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a self-signed certificate, its key, and the key under a password."""
    folder = tmp_path_factory.mktemp("pem")
    openssl = shutil.which("openssl")
    assert openssl is not None, "the test makes its certificates with openssl"
    for arguments in (
        "req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=me",
        "rsa -aes256 -passout pass:s3cret -in key -out locked",
    ):
        command = [openssl, *arguments.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / "both").write_bytes((folder / "cert").read_bytes() + (folder / "key").read_bytes())
    return folder


@pytest.mark.parametrize("kind", [KafkaSettings, ClientSettings, ServiceSettings])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "plaintext", "SSL", "ssl", "Ssl"])
def test_a_protocol_without_account(kind: type[KafkaSettings], protocol: str) -> None:
    told = connection_options(kind(kafka_security_protocol=protocol))
    assert told["security_protocol"] == protocol.upper()
    assert (told["ssl_context"] is not None) == (protocol.upper() == "SSL")
    assert told["sasl_plain_username"] is None


@pytest.mark.parametrize("mechanism", [*MECHANISMS, "scram-sha-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "sasl_plaintext", "SASL_SSL", "sasl_ssl"])
def test_a_protocol_with_account(protocol: str, mechanism: str) -> None:
    security = {"kafka_security_protocol": protocol, "kafka_sasl_mechanism": mechanism}
    told = connection_options(KafkaSettings.model_validate(security | ACCOUNT))
    assert told["security_protocol"] == protocol.upper()
    assert told["sasl_mechanism"] == mechanism.upper()
    assert (told["sasl_plain_username"], told["sasl_plain_password"]) == ("me", "s3cret")
    assert (told["ssl_context"] is not None) == protocol.upper().endswith("SSL")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"kafka_security_protocol": "nonsense"}, "'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ({"kafka_security_protocol": "TLS"}, "'PLAINTEXT', 'SSL'"),
        ({"kafka_security_protocol": ""}, "'PLAINTEXT', 'SSL'"),
        (
            {
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_mechanism": "OAUTHBEARER",
                **ACCOUNT,
            },
            "no effect with OAUTHBEARER",
        ),
        ({"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": "GSSAPI"}, "OAUTHBEARER"),
        (OAUTH, "needs one of kafka_oauth_token_file"),
        ({**OAUTH, "kafka_oauth_token_url": "https://issuer/token"}, "kafka_oauth_client_secret"),
        ({**OAUTH, **ISSUER, "kafka_oauth_token_file": __file__}, "needs one of"),
        ({**OAUTH, **ISSUER, "kafka_oauth_msk_region": "eu-west-1"}, "needs one of"),
        (
            {**OAUTH, "kafka_oauth_msk_region": "eu-west-1", "kafka_oauth_client_id": "me"},
            "needs one of",
        ),
        ({**OAUTH, "kafka_oauth_msk_region": "evil.example/"}, "should match pattern"),
        ({"kafka_oauth_msk_region": "eu-west-1"}, "kafka_oauth_… has no effect with PLAINTEXT"),
        ({**OAUTH, "kafka_oauth_token_url": "http://issuer/token"}, "should match pattern"),
        ({**OAUTH, "kafka_oauth_token_file": "/nowhere"}, "not point to a file"),
        ({**OAUTH, **ISSUER, "kafka_sasl_mechanism": "PLAIN"}, "mechanism=OAUTHBEARER"),
        (ISSUER, "kafka_oauth_… has no effect with PLAINTEXT"),
        ({"kafka_security_protocol": "SASL_SSL"}, "needs kafka_sasl_username"),
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "me"},
            "and kafka_sasl_password",
        ),
        (ACCOUNT, "no effect with PLAINTEXT"),
        ({"kafka_security_protocol": "SSL", **ACCOUNT}, "no effect with SSL"),
        ({"kafka_ssl_ca": __file__}, "no effect with PLAINTEXT"),
        ({"kafka_security_protocol": "SSL", "kafka_ssl_ca": "/nowhere"}, "not point to a file"),
        ({"kafka_security_protocol": "SSL", "kafka_ssl_key": __file__}, "kafka_ssl_certificate"),
    ],
)
def test_what_would_be_ignored_in_silence_is_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ObservabilitySettings(**told)
    assert words in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_an_unknown_protocol_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHGEAR_KAFKA_SECURITY_PROTOCOL", "nonsense")
    with pytest.raises(ValidationError, match="'PLAINTEXT', 'SSL'"):
        ServiceSettings()


def test_who_is_trusted(pem: Path) -> None:
    own = context(kafka_ssl_ca=pem / "cert")
    assert [issuer["subject"] for issuer in own.get_ca_certs()] == [((("commonName", "me"),),)]
    assert own.verify_mode == ssl.CERT_REQUIRED
    assert own.check_hostname


def test_a_host_of_another_name_still_needs_a_trusted_certificate(pem: Path) -> None:
    lenient = context(kafka_ssl_ca=pem / "cert", kafka_ssl_check_hostname=False)
    assert not lenient.check_hostname
    assert lenient.verify_mode == ssl.CERT_REQUIRED


def test_client_certificates(pem: Path) -> None:
    cert = pem / "cert"
    context(kafka_ssl_certificate=pem / "both")
    context(kafka_ssl_certificate=cert, kafka_ssl_key=pem / "key")
    locked = {"kafka_ssl_certificate": cert, "kafka_ssl_key": pem / "locked"}
    context(**locked, kafka_ssl_key_password="s3cret")
    for wrong in ({}, {"kafka_ssl_key_password": "guess"}):  # nobody is asked at a terminal
        with pytest.raises(OSError, match=r"(?i)decrypt|password|ssl"):
            context(**locked, **wrong)


def test_secrets_are_not_shown() -> None:
    shown = repr(
        KafkaSettings(
            kafka_security_protocol="SASL_SSL", kafka_ssl_key_password="s3cret", **ACCOUNT
        )
    )
    assert "s3cret" not in shown


def test_every_kafka_client_takes_the_one_mapping() -> None:
    calls = [
        (path.relative_to(ROOT).as_posix(), ast.unparse(call))
        for room in PACKAGES
        for path in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("AIOKafka")
    ]
    assert len(calls) > 3
    for path, call in calls:
        assert "**connection_options(" in call, path
    consumers = [path for path, call in calls if call.startswith("AIOKafkaConsumer")]
    assert consumers == ["producers/kafka/connection.py"]


def context(**told: object) -> ssl.SSLContext:
    settings = KafkaSettings.model_validate({"kafka_security_protocol": "SSL", **told})
    made = connection_options(settings)["ssl_context"]
    assert isinstance(made, ssl.SSLContext)
    return made
