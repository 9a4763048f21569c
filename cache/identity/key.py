"""Cache key: a hard scope and the question within it. Which requests may share an answer?

The scope is a hard partition: tenant, the caller's own scope, model class, residency, knowledge
version, system prompt, history, tools, response format and sampling. It is hashed into every key
and is never part of the text that is compared. What is asked is the last user turn alone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from cache.identity.normalisation import canonical
from producers.contract import ChatBody, ChatMessage, Request, Route

_FORMAT: Final = "3"
"""Changes whenever the meaning of a key does: old entries are then never found again."""

_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

_NO_PART_IN_ANSWER: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
    }
)


@dataclass(frozen=True, slots=True)
class Question:
    """What one request asks. The digests are hexadecimal, 32 digits."""

    tenant: str
    scope: str
    """Digest of everything but the last user turn that has a part in the answer."""
    exact: str
    """Digest of the very words in their scope."""
    slot: str
    """Where the answer is stored: one for all texts of a canonical form, when that step is on."""
    text: str | None
    """The last user turn; None when it isn't only text."""

    @property
    def entry(self) -> str:
        """The entry's name within the tenant; begins with its scope."""
        return f"{self.scope}.{self.slot}"


@dataclass(frozen=True, slots=True)
class NotCacheable:
    """The cache has no part in the request."""

    reason: str
    """For the reply; holds no word of the question."""


QuestionResult: TypeAlias = Question | NotCacheable


def question_of(
    request: Request,
    route: Route,
    *,
    knowledge: str = "",
    kinds_kept: Sequence[str] = (),
    by_canonical: bool = True,
) -> QuestionResult:
    """The question in a request.

    kinds_kept: of answers bound to a moment or a person, those that its policy keeps. They are in
    scopes of their own. by_canonical: one slot for all forms of the same words.
    """
    *history, last = request.body.messages
    if last["role"] != "user":
        return NotCacheable("the last message isn't the user's")
    text = text_of(last)
    parts = _scope_parts(request, route, knowledge, history, last)
    scope = _digest(_ENCODE([*parts, *kinds_kept]))
    if text is None:
        exact = _digest(scope, "content", _ENCODE(last.get("content")))
        return Question(request.tenant, scope, exact, exact, None)
    exact = _digest(scope, "text", text)
    slot = _digest(scope, "canonical", canonical(text)) if by_canonical else exact
    return Question(request.tenant, scope, exact, slot, text)


def text_of(message: ChatMessage) -> str | None:
    """A message's text; None when it is empty or holds anything else, such as an image."""
    content = message.get("content")
    if isinstance(content, str):
        return content if content.strip() else None
    if not content or any(part.get("type") != "text" for part in content):
        return None
    return "\n".join(str(part.get("text", "")) for part in content)


def model_class(route: Route) -> str:
    """What stands for "an equally good model": the pinned model, else the tier."""
    return f"model:{route.model}" if route.model else f"tier:{route.tier}"


def _scope_parts(
    request: Request, route: Route, knowledge: str, history: list[ChatMessage], last: ChatMessage
) -> list[Any]:
    return [
        _FORMAT,
        request.tenant,
        request.routing.cache.scope,
        model_class(route),
        knowledge,
        route.zone,
        _residency(route),
        history,
        {name: value for name, value in last.items() if name not in {"role", "content"}},
        _parameters(request.body),
    ]


def _residency(route: Route) -> list[Any]:
    """Where the answer may be made, and so be read: what is kept under one promise stays there."""
    zones = route.demands.zones
    return [None if zones is None else sorted(zones), route.demands.self_hosted_only]


def _parameters(body: ChatBody) -> dict[str, Any]:
    """Everything else that the caller set: unknown parameters divide, too."""
    named = {**body.__dict__, **(body.model_extra or {})}
    return {
        name: value
        for name, value in named.items()
        if value is not None
        and name not in _NO_PART_IN_ANSWER
        and not (name == "anthropic" and not value.get("alters"))
    }


def _digest(*parts: str) -> str:
    """128 bits: a collision between two tenants' keys is out of reach."""
    text = "\0".join(parts)
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
