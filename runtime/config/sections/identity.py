"""Identity section: how a process knows whose a record or an HTTP call is."""

from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from runtime.config.sections.section import EnvName, HttpAddress, Section

Algorithm: TypeAlias = Literal["HS256", "RS256", "ES256", "EdDSA"]
IdentityMode: TypeAlias = Literal["trusted", "topic", "signed"]
ClaimName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class TokenSettings(Section):
    """Which signed tokens (JWT) are believed. One of the three sources of keys is needed."""

    audience: Annotated[str, Field(min_length=1)]
    """What a token must be made for: one of its `aud`."""
    issuer: str | None = None
    """Who must have made it: its `iss`; null: whoever has the key."""
    tenant_claim: ClaimName = "tenant"
    """The claim that names the tenant."""
    algorithms: Annotated[frozenset[Algorithm], Field(min_length=1)] = frozenset(
        {"HS256", "RS256", "ES256", "EdDSA"}
    )
    """What may sign, where the key's kind allows it. `EdDSA` is Ed25519."""
    jwks_url: HttpAddress | None = None
    """Where the issuer publishes its keys: HTTPS, or this machine."""
    jwks_file: str | None = None
    """A file with a JWK set, read again when its keys' time is over."""
    shared_keys_env: EnvName | None = None
    """The environment variable with shared keys (HS256), `name:secret` separated by spaces."""
    leeway_s: Annotated[float, Field(ge=0, le=300)] = 30
    """Seconds that clocks may differ by."""
    longest_wait_s: Annotated[float, Field(gt=0)] = 86_400
    """Seconds that a record may have waited since its submission, at which its token must hold."""
    longest_age_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds since a token's `iat` after which it is refused, whatever its `exp`."""
    keys_life_s: Annotated[float, Field(ge=10)] = 300
    """Seconds after which keys are fetched again."""
    keys_cooldown_s: Annotated[float, Field(ge=1)] = 30
    """Seconds between two fetches, however many tokens name a key that isn't known."""
    keys_outage_s: Annotated[float, Field(gt=0)] = 3600
    """Seconds that keys go on being believed after their time while they can't be fetched."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = (self.jwks_url, self.jwks_file, self.shared_keys_env)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("give one of jwks_url, jwks_file and shared_keys_env")
        if self.jwks_url is not None:
            address = urlsplit(self.jwks_url)
            if address.scheme != "https" and address.hostname not in _LOOPBACK:
                raise ValueError("jwks_url must be https: who can change the keys is every tenant")
        return self


class IdentitySettings(Section):
    """How a process knows whose a record is."""

    mode: IdentityMode = "trusted"
    """`trusted`: whom the record names; `topic`: the tenant of `llm.requests.<tenant>`, which
    Kafka's ACLs guard; `signed`: the tenant of the token in the record's header."""
    tokens: TokenSettings | None = None
    """Needed by `signed`."""

    @model_validator(mode="after")
    def _tokens_for_signed(self) -> Self:
        if self.mode == "signed" and self.tokens is None:
            raise ValueError("mode signed needs the section tokens")
        return self
