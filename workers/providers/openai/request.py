"""How does the OpenAI chat dialect say a call, and what does its answer say?

Spoken by OpenAI, Azure OpenAI and AI Foundry, Mistral, vLLM, Ollama and every compatible server;
the deployment's `provider` tells which of them is meant.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from pydantic_core import from_json, to_json

from workers.prompt_cache.policy import CacheKey
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.parameters import AppliedParameters, apply_parameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.openai.parameters import COMPATIBLE, TABLES
from workers.providers.openai.response import OpenAiReader, openai_answer

_MISTRAL_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")


class OpenAiDialect:
    """OpenAI chat completions, JSON and SSE."""

    stream_type = "text/event-stream"

    def encode_request(
        self, call: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        provider = call.deployment.provider
        applied = apply_parameters(TABLES.get(provider, COMPATIBLE), call.body)
        if stream and call.body.model_extra and call.body.model_extra.get("n", 1) != 1:
            applied.refusals.append("n: several answers can't be streamed to one reply")
        if applied.refusals:
            return RequestRejected(
                message="; ".join(applied.refusals), code="unsupported_parameter"
            )
        body = {"model": _wire_model(call), "messages": _messages(call), **applied.wire}
        body |= _limits(call, applied) | _streaming(provider, applied, stream=stream)
        if isinstance(call.prompt_cache, CacheKey) and _takes_cache_key(call):
            body.setdefault("prompt_cache_key", call.prompt_cache.key)
        return WireRequest(_path(call), to_json(body), {}, tuple(applied.warnings))

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return openai_answer(from_json(payload))

    def stream_reader(self) -> OpenAiReader:
        """A reader for one streamed response."""
        return OpenAiReader()


def _wire_model(call: ProviderRequest) -> str:
    return call.deployment.wire_model or call.deployment.model


def _takes_cache_key(call: ProviderRequest) -> bool:
    """Azure's dated versions reject parameters that are younger than they are."""
    return call.deployment.provider in TABLES and call.deployment.api_version is None


def _path(call: ProviderRequest) -> str:
    """Azure OpenAI names the deployment in the path; Foundry and Azure's v1 surface don't."""
    version = call.deployment.api_version
    if version is None:
        return "/chat/completions"
    if call.deployment.base_url.rstrip("/").endswith("/models"):
        return f"/chat/completions?api-version={version}"
    return f"/openai/deployments/{_wire_model(call)}/chat/completions?api-version={version}"


def _messages(call: ProviderRequest) -> list[Any]:
    """The messages, with what older servers and Mistral don't know put into what they do."""
    messages = call.body.messages
    if call.deployment.provider not in TABLES:
        return [_without_developer(message) for message in messages]
    if call.deployment.provider == "mistral":
        return [_for_mistral(_without_developer(message)) for message in messages]
    return list(messages)


def _without_developer(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**message, "role": "system"} if message["role"] == "developer" else message


def _for_mistral(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Mistral takes tool call ids of nine letters and digits only."""
    told = dict(message)
    if told.get("tool_call_id"):
        told["tool_call_id"] = _mistral_id(told["tool_call_id"])
    if told.get("tool_calls"):
        told["tool_calls"] = [
            {**made, "id": _mistral_id(made.get("id", ""))} for made in told["tool_calls"]
        ]
    return told


def _mistral_id(name: str) -> str:
    if _MISTRAL_ID.fullmatch(name):
        return name
    return blake2b(name.encode(), digest_size=5).hexdigest()[:9]


def _limits(call: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    """OpenAI's reasoning models refuse `max_tokens`."""
    limit = applied.shaped.get("max_tokens")
    if limit is None:
        return {}
    thinks = "reasoning" in call.model.capabilities and call.deployment.provider != "mistral"
    return {"max_completion_tokens" if thinks else "max_tokens": limit}


def _streaming(provider: str, applied: AppliedParameters, *, stream: bool) -> dict[str, Any]:
    if not stream:
        return {}
    if provider == "mistral":
        return {"stream": True}
    options = applied.shaped.get("stream_options") or {}
    return {"stream": True, "stream_options": {**options, "include_usage": True}}
