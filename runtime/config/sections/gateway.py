"""Gateway section: the API keys of HTTP callers, hashed, with their tenants and limits."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import AwareDatetime, Field

from runtime.config.sections.section import EnvName, Section

KeyScope: TypeAlias = Literal["chat", "responses", "messages", "embeddings", "models", "batches"]
KeyName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApiKey(Section):
    """What a caller with this key may do. `switchgear key create` writes one."""

    sha256: Sha256
    """Of the whole key; the key itself is shown once, when it is made."""
    tenant: str
    """Who pays for its requests, and whose rules apply."""
    scopes: frozenset[KeyScope] = frozenset(get_args(KeyScope))
    """The interfaces that it opens."""
    expires: AwareDatetime | None = None
    """From then on it is refused."""
    rpm: Annotated[int, Field(ge=1)] | None = None
    """Requests per minute, over all gateways."""
    tpm: Annotated[int, Field(ge=1)] | None = None
    """Tokens per minute, over all gateways; estimated first, then as billed."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Requests under way at once, over all gateways."""

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires is not None and now >= self.expires


class Webhook(Section):
    """An endpoint that hears of the end of a tenant's stored requests (Standard Webhooks)."""

    tenant: str
    """Whose requests."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
    """Where to: HTTPS, no user name in it."""
    secrets_env: Annotated[tuple[EnvName, ...], Field(min_length=1, max_length=4)]
    """Environment variables with `whsec_…` secrets; two while one is changed, the newest first."""
    ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = (443,)
    """The ports that `url` may have."""
    private: bool = False
    """Allows HTTP, any port and addresses that aren't public: for endpoints of your own network."""


class GatewaySettings(Section):
    """Who may ask over HTTP."""

    keys: dict[KeyName, ApiKey] = Field(default_factory=dict)
    """By name; the name is a part of the key."""
    webhooks: dict[KeyName, Webhook] = Field(default_factory=dict)
    """By name: who hears of the end of a request with `Prefer: respond-async`."""
    cors_origins: tuple[str, ...] = ()
    """The web pages' origins, such as `https://app.example.com`, whose scripts may call it; none
    by default: a key in a page is everybody's. Read at the start."""
    answers_kept_s: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400
    """Seconds that the answer to a request with `Prefer: respond-async` can be fetched. The topic
    keeps it twice as long; `switchgear topics` sets that only where it creates it."""
    responses_keep_s: Annotated[int, Field(ge=60, le=31_536_000)] = 86_400
    """Seconds for which a response of `/v1/responses` is kept: for `previous_response_id`, and
    for who asks for it again."""
