"""Client and Kafka settings from the environment: address, security, limits."""

from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, FilePath, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .contract.message import Name
from .contract.topics import REPLIES, REQUESTS


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


SecurityProtocol: TypeAlias = Annotated[
    Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], BeforeValidator(_upper)
]
SaslMechanism: TypeAlias = Annotated[
    Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"], BeforeValidator(_upper)
]


def _given(value: object) -> object:
    return value or None


_ZONE: Final = r"^[A-Za-z0-9._-]{1,64}$"
_AWS_REGION: Final = r"^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$"
_HTTPS_OR_HERE: Final = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/])[^\s@]+$"


class KafkaSettings(BaseSettings):
    """How to reach Kafka: the `SWITCHGEAR_…` environment variables, or arguments.

    Raises ValidationError for what would be ignored in silence, such as a password without SASL.
    """

    # a refused value may be a password, and errors are printed
    model_config = SettingsConfigDict(
        env_prefix="SWITCHGEAR_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    zone: Annotated[Annotated[str, Field(pattern=_ZONE)] | None, BeforeValidator(_given)] = None
    """The zone of the cell that this process belongs to, such as `eu`: of its Kafka, its Redis and
    its ledger. What may not be there by its residency is refused, and its content written nowhere.
    Without it a request is only held to the zones of deployments."""

    kafka: str = "localhost:9092"
    """Bootstrap servers, `host:port` separated by commas."""

    kafka_idempotence: bool = True
    """Idempotent producer; off only for brokers that don't know it (the demo's embedded one)."""

    kafka_fetch_max_wait_ms: Annotated[int, Field(ge=1)] = 500
    """Milliseconds that the broker may hold an empty fetch. Kafka answers as soon as a record is
    there; a broker that only looks again at the end needs a small value."""

    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    """In upper or lower case."""

    kafka_sasl_mechanism: SaslMechanism = "PLAIN"
    """In upper or lower case; of effect with SASL_PLAINTEXT and SASL_SSL."""

    kafka_sasl_username: str | None = None
    kafka_sasl_password: Annotated[str | None, Field(repr=False)] = None
    kafka_oauth_token_file: FilePath | None = None
    """For OAUTHBEARER: a file with the token, read anew for each connection."""

    kafka_oauth_token_url: Annotated[str | None, Field(pattern=_HTTPS_OR_HERE)] = None
    """For OAUTHBEARER: where a token is to be had for client credentials; https, or this machine.
    Tokens are renewed before their time is over."""

    kafka_oauth_client_id: str | None = None
    kafka_oauth_client_secret: Annotated[str | None, Field(repr=False)] = None
    kafka_oauth_scope: str | None = None
    kafka_oauth_msk_region: Annotated[
        Annotated[str, Field(pattern=_AWS_REGION)] | None, BeforeValidator(_given)
    ] = None
    """For OAUTHBEARER on Amazon MSK: the cluster's region; tokens are signed by AWS credentials."""

    kafka_ssl_ca: FilePath | None = None
    """A PEM file: the authorities to trust in the place of the system's."""

    kafka_ssl_certificate: FilePath | None = None
    """A PEM file: who we are (mTLS); may hold the key too."""

    kafka_ssl_key: FilePath | None = None
    """A PEM file: the certificate's key."""

    kafka_ssl_key_password: Annotated[str | None, Field(repr=False)] = None
    kafka_ssl_check_hostname: bool = True
    """Off: any host with a trusted certificate is taken."""

    @model_validator(mode="after")
    def _refuse_security_without_effect(self) -> Self:
        protocol = self.kafka_security_protocol
        # a half-made security section must fail here: aiokafka would connect without it
        self._refuse_half_an_account(protocol)
        files = (self.kafka_ssl_ca, self.kafka_ssl_certificate, self.kafka_ssl_key)
        if any(files) and not protocol.endswith("SSL"):
            raise ValueError(f"kafka_ssl_… has no effect with {protocol}: choose SSL or SASL_SSL")
        if self.kafka_ssl_key and not self.kafka_ssl_certificate:
            raise ValueError("kafka_ssl_key needs kafka_ssl_certificate")
        return self

    def _refuse_half_an_account(self, protocol: str) -> None:
        account = (self.kafka_sasl_username, self.kafka_sasl_password)
        oauth = (
            self.kafka_oauth_token_file,
            self.kafka_oauth_token_url,
            self.kafka_oauth_client_id,
            self.kafka_oauth_client_secret,
            self.kafka_oauth_scope,
            self.kafka_oauth_msk_region,
        )
        if not protocol.startswith("SASL_"):
            for given, names in ((account, "kafka_sasl_…"), (oauth, "kafka_oauth_…")):
                if any(given):
                    raise ValueError(f"{names} has no effect with {protocol}: choose SASL_SSL")
        elif self.kafka_sasl_mechanism == "OAUTHBEARER":
            self._refuse_half_an_issuer(account)
        elif any(oauth):
            raise ValueError("kafka_oauth_… needs kafka_sasl_mechanism=OAUTHBEARER")
        elif not all(account):
            raise ValueError(f"{protocol} needs kafka_sasl_username and kafka_sasl_password")

    def _refuse_half_an_issuer(self, account: tuple[str | None, str | None]) -> None:
        if any(account):
            raise ValueError("kafka_sasl_username and _password have no effect with OAUTHBEARER")
        issuer = (
            self.kafka_oauth_token_url,
            self.kafka_oauth_client_id,
            self.kafka_oauth_client_secret,
        )
        others = (self.kafka_oauth_token_file, self.kafka_oauth_msk_region)
        sources = sum(source is not None for source in others) + all(issuer)
        if sources != 1 or (any(issuer) and not all(issuer)):
            raise ValueError(
                "OAUTHBEARER needs one of kafka_oauth_token_file, kafka_oauth_msk_region, or "
                "kafka_oauth_token_url with kafka_oauth_client_id and kafka_oauth_client_secret"
            )


class ClientSettings(KafkaSettings):
    """What one client is called, where it writes and reads, and how much it has under way."""

    client_id: str = "switchgear-client"
    """The name in the broker's logs and quotas."""

    request_topic: str = REQUESTS
    """Where requests are published."""

    reply_topic: str = REPLIES
    """A topic of the client's own, or a shared one: records of others are skipped."""

    reply_partition: Annotated[int, Field(ge=0)] | Literal["own", "all"] = "own"
    """The partition of the reply topic that this client reads, and asks to be answered on. `own`:
    one at random, for as long as it runs; `all`: every one, as an engine before 0.2 needs it."""

    residency: tuple[Name, ...] = ()
    """The zones that may see what this client sends, beside what each request says, as a JSON list:
    `["eu"]`. Empty: any."""

    tenant_token: Annotated[str | None, Field(repr=False)] = None
    """A signed token (JWT), sent with every message where the operator asks who the tenant is."""

    tenant_topics: bool = False
    """Whether requests, cancellations and ratings go to topics of the tenant's own, such as
    `llm.requests.<tenant>`, where the operator tells tenants apart by them."""

    max_in_flight: Annotated[int, Field(ge=1)] = 10_000
    """Requests that await a reply or the broker's acknowledgement; one more is refused."""

    timeout_s: Annotated[float, Field(gt=0)] = 120
    """Seconds that `submit` and `stream` wait when the call doesn't say."""
