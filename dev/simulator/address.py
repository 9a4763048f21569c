"""Request address: the provider that a path means and the key that a request carries.

Provider prefixes: `/openai`, `/mistral`, `/azure`, `/self`, `/anthropic`, `/bedrock`; a path
without one belongs to the dialect's own provider.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)/(?:chat/completions|embeddings)$")
_CONVERSE: Final = re.compile(r"/model/([^/]+)/converse(-stream)?$")
_SIGNED: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/[\w-]+/bedrock/aws4_request, ?"
    r"SignedHeaders=[\w;-]*host[\w;-]*, ?Signature=[0-9a-f]{64}$"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes. model and stream: told by the path, where the dialect does so."""

    dialect: Literal["openai", "anthropic", "bedrock"]
    provider: str
    key: str
    model: str | None = None
    stream: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the key is good: there is one, and it doesn't begin with `bad`."""
        return not self.key.startswith("bad") and (bool(self.key) or self.provider == "self")


def locate(path: str, headers: Mapping[str, str]) -> Address | None:
    """The address; None when no dialect has such a path."""
    prefix = path.split("/", 2)[1]
    if (converse := _CONVERSE.search(path)) is not None:
        key = _aws_key(headers)
        return Address("bedrock", "aws", key, unquote(converse[1]), converse[2] is not None)
    if path.endswith("/messages"):
        return Address("anthropic", "anthropic", key_of(headers))
    if (deployment := _DEPLOYMENT.search(path)) is not None:
        return Address("openai", "azure", key_of(headers), deployment[1])
    if path.endswith(("/chat/completions", "/embeddings")):
        known = prefix if prefix in {"mistral", "azure", "self"} else "openai"
        return Address("openai", known, key_of(headers))
    return None


def key_of(headers: Mapping[str, str]) -> str:
    """The key of a request, wherever its provider looks for it."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    return headers.get("x-api-key") or headers.get("api-key") or bearer


def _aws_key(headers: Mapping[str, str]) -> str:
    """The access key of a signature that has every part, or a Bedrock API key."""
    told = headers.get("authorization", "")
    if told.startswith("Bearer "):
        return told.removeprefix("Bearer ")
    signed = _SIGNED.match(told)
    return signed[1] if signed and "x-amz-date" in headers else ""
