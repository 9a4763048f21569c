"""An Apache Kafka that takes TLS, and the certificates for it."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.broker import Listeners
from runtime.process.settings import ServiceSettings

# one authority; a server certificate for localhost; a client's, by the same authority
OPENSSL = (
    "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
    "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -out server.pem -extfile san",
    "req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=client",
    "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -days 2 -out client.pem",
)
_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_me="s3cret";'


@dataclass(frozen=True)
class SecureKafka:
    """By listener, what a client must be told to reach it."""

    folder: Path
    ports: dict[str, int]

    def settings(self, listener: str, **changes: object) -> ServiceSettings:
        told: dict[str, Any] = {
            "kafka": f"localhost:{self.ports[listener]}",
            "kafka_security_protocol": listener,
            "kafka_ssl_ca": self.folder / "ca.pem",
        }
        if listener == "SSL":
            told["kafka_ssl_certificate"] = self.folder / "client.pem"
            told["kafka_ssl_key"] = self.folder / "client.key"
        else:
            told |= {"kafka_sasl_username": "me", "kafka_sasl_password": "s3cret"}
        return ServiceSettings.model_validate(told | changes)


def make_certificates(folder: Path) -> None:
    """An authority, and the server's and a client's certificates."""
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    openssl = shutil.which("openssl")
    assert openssl is not None, "the test makes its certificates with openssl"
    for arguments in OPENSSL:
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)


def tls_listeners(folder: Path, ports: dict[str, int]) -> Listeners:
    """TLS for both; SSL demands a certificate of the client, SASL_SSL an account."""
    (folder / "server-both.pem").write_bytes(
        (folder / "server.key").read_bytes() + (folder / "server.pem").read_bytes()
    )
    return Listeners(
        ports,
        {
            "listener.security.protocol.map": ",".join(
                ("CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT", *(f"{p}:{p}" for p in ports))
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "server-both.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": _LOGIN,
        },
    )
