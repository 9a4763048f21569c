"""With router, worker and gateway as processes, does nothing but a signed token say who asks?"""

import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from dev.broker import apache_kafka
from dev.processes import Server, free_port
from dev.redis_server import url_of
from producers import Done, Failed, Reply, RouterClient, chat
from producers.contract import codec
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing
from producers.settings import ClientSettings, KafkaSettings
from tests.integration.fleet_processes import FleetProcesses, fleet_processes
from tests.unit.runtime.identity import tokens
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.redis, pytest.mark.timeout(300)]

ROTATED = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Installation:
    """What runs, and where the issuer's keys are."""

    kafka: str
    gateway: str
    keys: Path
    fleet: FleetProcesses

    def publish_keys(self, *keys: object) -> None:
        self.keys.write_text(json.dumps({"keys": keys}), encoding="utf-8")

    def calls(self) -> int:
        return len(self.fleet.simulator.calls())


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, redis_server: Server
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("signed")
    keys, config = folder / "keys.json", folder / "switchgear.yaml"
    keys.write_bytes(tokens.jwks(tokens.jwk("ES256")))
    document = yaml.safe_load(Path("switchgear.yaml").read_text(encoding="utf-8"))
    source = {"jwks_file": str(keys), "keys_life_s": 10, "keys_cooldown_s": 1}
    named = {"audience": "switchgear", "issuer": "https://issuer", **source}
    document |= {
        "tenants": {"acme": {}, "globex": {}},
        "identity": {"mode": "signed", "tokens": named},
    }
    config.write_text(json.dumps(document), encoding="utf-8")
    node, port = apache_kafka(folder / "kafka"), free_port()
    node.start()
    environment = {
        "SWITCHGEAR_KAFKA": node.address,
        "SWITCHGEAR_REDIS": url_of(redis_server),
        "SWITCHGEAR_CONFIG": str(config),
        "SWITCHGEAR_ROUTER_KEY": "a key that our own processes share, 32 bytes",
        "SWITCHGEAR_PARTITIONS": "1",
    }
    command = [sys.executable, "-m", "switchgear", "gateway", "--port", str(port)]
    gateway = Server("gateway", command, folder / "gateway.log", environment, port=port)
    with fleet_processes(folder, environment) as fleet:
        gateway.start()
        yield Installation(node.address, f"http://127.0.0.1:{port}", keys, fleet)
        gateway.stop()
    node.stop()


def signed(key: Any = None, kid: str = "ES256", **changes: object) -> str:  # noqa: ANN401
    now = time.time()
    times = {"iat": now, "exp": now + 300}
    return tokens.token("ES256", {"kid": kid}, key, **{**times, **changes}).decode()


def unsigned() -> str:
    return jwt.encode(tokens.claims(iat=time.time(), exp=time.time() + 300), "", "none")


@asynccontextmanager
async def asking(installed: Installation, token: str | None) -> AsyncIterator[RouterClient]:
    settings = ClientSettings(kafka=installed.kafka, timeout_s=90)
    async with RouterClient.connect(settings, token=lambda: token) as client:
        yield client


async def asked(installed: Installation, token: str | None, tenant: str = "acme") -> Reply:
    async with asking(installed, token) as client:
        return await client.submit(
            chat(f"Say {uuid4()}.", tenant=tenant, routing={"tier": "economy"})
        )


async def over_http(installed: Installation, token: str) -> httpx2.Response:
    body = {"model": "economy", "messages": [{"role": "user", "content": f"Say {uuid4()}."}]}
    async with httpx2.AsyncClient(base_url=installed.gateway, timeout=90) as client:
        headers = {"authorization": f"Bearer {token}"}
        return await client.post("/v1/chat/completions", json=body, headers=headers)


async def test_a_tenants_token_is_believed_over_kafka_and_http(installed: Installation) -> None:
    reply = await asked(installed, signed())
    assert isinstance(reply, Done), reply
    answered = await over_http(installed, signed())
    assert answered.status_code == 200, answered.text


BAD: Mapping[str, tuple[Callable[[], str | None], str]] = {
    "none at all": (lambda: None, "no token"),
    "expired": (lambda: signed(exp=time.time() - 3_600), "expired"),
    "signed by a stranger": (lambda: signed(tokens.STRANGER), "signature"),
    "made for another audience": (lambda: signed(aud="other"), "aud"),
    "by another issuer": (lambda: signed(iss="https://elsewhere"), "iss"),
    "signed by nobody": (unsigned, ""),
    "another tenant's": (lambda: signed(tenant="globex"), "'globex'"),
}


async def test_no_other_token_is_believed_and_nothing_is_paid(installed: Installation) -> None:
    before = installed.calls()
    for name, (made, words) in BAD.items():
        token = made()
        reply = await asked(installed, token)
        assert isinstance(reply, Failed), name
        assert (reply.code, words in reply.message) == ("forbidden", True), (name, reply.message)
        if token is not None and name != "another tenant's":
            answered = await over_http(installed, token)
            assert answered.status_code == 401, name
    assert installed.calls() == before


async def test_a_record_past_the_router_is_not_served(installed: Installation) -> None:
    """Whoever has a good token, too, may not write into a tier's queue."""
    before = installed.calls()
    request = chat("Say nothing.", tenant="acme", routing={"tier": "economy"})
    headers = codec.to_headers({codec.TENANT_HEADER: "acme", codec.TENANT_TOKEN: signed()})
    async with KafkaBroker(KafkaSettings(kafka=installed.kafka), "stranger") as broker:
        value = b'{"route":{"tier":"economy"},"request":%b}' % codec.encode_request(request)
        await broker.publish(Outgoing("llm.tier.economy", value, b"k", headers))
    # the partition is read in its order: what comes later is served, and is all that is
    assert isinstance(await asked(installed, signed()), Done)
    assert installed.calls() == before + 1


async def test_a_new_key_is_believed_and_an_old_one_is_not_any_more(
    installed: Installation,
) -> None:
    to_jwk: Any = jwt.algorithms.ECAlgorithm.to_jwk
    new = {**json.loads(to_jwk(ROTATED.public_key())), "kid": "new", "alg": "ES256"}

    async def believed(token: str) -> bool:
        return isinstance(await asked(installed, token), Done)

    installed.publish_keys(tokens.jwk("ES256"), new)
    await until(lambda: believed(signed(ROTATED, "new")))
    assert await believed(signed())
    installed.publish_keys(new)

    async def refused() -> bool:
        return not await believed(signed())

    await until(refused)
    assert await believed(signed(ROTATED, "new"))
