"""API key authorization: a deployment's credentials as request headers.

A key is read once, from the environment variable that the deployment names. It goes nowhere but
into headers: every text that leaves an adapter passes `redact` first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runtime.config.catalog import Deployment
from workers.providers.base.call_outcome import BadCredentials

_REDACTED = "[redacted]"


class Authorizer(Protocol):
    """Proves who we are, request by request."""

    @property
    def source(self) -> str:
        """What to look at, without the secret itself."""
        ...

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:
        """The headers that prove who we are to `url`, or why there are none."""
        ...

    def redact(self, text: str) -> str:
        """`text` without any secret that this authorizer knows."""
        ...


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """The same headers for every request: an API key, a bearer token, or nothing at all."""

    values: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    source: str = "a call without a key"

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:  # noqa: ARG002 - a signer needs them
        """The fixed headers."""
        return self.values

    def redact(self, text: str) -> str:
        """`text` without the keys."""
        return redacted(self.secrets, text)


@dataclass(frozen=True, slots=True)
class NoKey:
    """The deployment names an environment variable that holds no key."""

    variable: str
    why: str = "is not set"

    @property
    def source(self) -> str:
        """The variable's name."""
        return self.variable

    async def headers(self, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:  # noqa: ARG002 - a signer needs them
        """Why there are no headers: the variable to set."""
        return BadCredentials(
            message=f"the environment variable {self.variable} {self.why}", code="no_api_key"
        )

    def redact(self, text: str) -> str:
        """`text` as it is."""
        return text


def key_headers(deployment: Deployment, key: str) -> dict[str, str]:
    """Where each provider looks for an API key, as its official client sends it."""
    if deployment.provider == "azure":
        return {"x-api-key" if deployment.dialect == "anthropic" else "api-key": key}
    return {"authorization": f"Bearer {key}"}


def api_key_authorizer(
    deployment: Deployment, environment: Mapping[str, str]
) -> FixedHeaders | NoKey:
    """The authorizer of a deployment with an API key, or with none at all (self-hosted)."""
    if deployment.api_key_env is None:
        return FixedHeaders({})
    key = environment.get(deployment.api_key_env, "").strip()
    if not key:
        return NoKey(deployment.api_key_env)
    if not fits_header(key):
        # a line end, say, from a secret that was copied with one: no header can carry it
        why = "holds a character that no key has, such as a line end"
        return NoKey(deployment.api_key_env, why)
    source = f"the key in {deployment.api_key_env}"
    return FixedHeaders(key_headers(deployment, key), (key,), source)


def fits_header(secret: str) -> bool:
    """Whether a header can carry `secret`: printable ASCII only."""
    return secret.isascii() and secret.isprintable()


def redacted(secrets: Sequence[str], text: str) -> str:
    """`text` with every secret blotted out."""
    for secret in secrets:
        text = text.replace(secret, _REDACTED)
    return text
