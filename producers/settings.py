"""Where is the broker, and how much may one client have under way?"""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from .topics import REPLIES, REQUESTS


class KafkaSettings(BaseSettings):
    """How to reach Kafka: the `SWITCHGEAR_…` environment variables, or arguments.

    kafka: bootstrap servers, `host:port` separated by commas.
    kafka_idempotence: off only for brokers that don't know it (the demo's embedded one).
    kafka_fetch_max_wait_ms: how long the broker may hold an empty fetch. Kafka answers as soon as a
    record is there; a broker that only looks again at the end needs a small value.
    """

    model_config = SettingsConfigDict(env_prefix="SWITCHGEAR_", frozen=True, extra="ignore")

    kafka: str = "localhost:9092"
    kafka_idempotence: bool = True
    kafka_fetch_max_wait_ms: Annotated[int, Field(ge=1)] = 500
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: Annotated[str | None, Field(repr=False)] = None


class ClientSettings(KafkaSettings):
    """reply_topic: a topic of the client's own, or a shared one (records of others are skipped).

    max_in_flight: requests awaiting a reply or the broker's acknowledgement; one more is refused.
    timeout_s: how long `submit` and `stream` wait when the call doesn't say.
    """

    client_id: str = "switchgear-client"
    request_topic: str = REQUESTS
    reply_topic: str = REPLIES
    max_in_flight: Annotated[int, Field(ge=1)] = 10_000
    timeout_s: Annotated[float, Field(gt=0)] = 120
