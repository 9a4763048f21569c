"""OpenAI chat dialect: a chat as a request of the chat completions API.

Spoken by OpenAI, Azure OpenAI and AI Foundry, Mistral, vLLM, Ollama and every compatible server;
the deployment's `provider` tells which of them is meant.
"""

from collections.abc import Mapping
from typing import Any

from producers.contract import ChatBody
from workers.prompt_cache.policy import CacheKey
from workers.providers.base.call_outcome import Failure, RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import json_of, mapping_of
from workers.providers.base.parameters import AppliedParameters, apply_parameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.shapes import (
    UnsupportedContent,
    json_bytes,
    list_in,
    object_in,
    rejected,
)
from workers.providers.openai.address import openai_wire_model, wire_path
from workers.providers.openai.embeddings import embeddings_request
from workers.providers.openai.messages import (
    WireMessages,
    compatible_messages,
    mistral_messages,
    openai_messages,
)
from workers.providers.openai.parameters import COMPATIBLE, TABLES
from workers.providers.openai.response import OpenAiReader, openai_answer


class OpenAiDialect:
    """OpenAI chat completions, JSON and SSE."""

    stream_type = "text/event-stream"

    def __init__(self, address: str = "") -> None:
        """address: where the calls go; empty: the deployment's own."""
        self._address = address

    def encode_request(
        self, request: ProviderRequest, *, stream: bool
    ) -> WireRequest | RequestRejected:
        """The request on the wire, or why it can't be said in this dialect."""
        if request.body.embeddings is not None:
            return embeddings_request(request, request.body.embeddings, self._address)
        provider = request.deployment.provider
        applied = apply_parameters(TABLES.get(provider, COMPATIBLE), request.body)
        if stream and (request.body.model_extra or {}).get("n") not in (None, 1):
            applied.refusals.append("n: several answers can't be streamed to one reply")
        if applied.refusals:
            message = "; ".join(applied.refusals)
            return RequestRejected(message=message, code="unsupported_parameter")
        try:
            if provider == "mistral":
                _choose_among_fewer(applied)
            messages = _messages(request)
            body = {
                "model": openai_wire_model(request),
                "messages": messages.messages,
                **applied.wire,
            }
            body |= _limits(request, applied) | _streaming(provider, applied, stream=stream)
            if isinstance(request.prompt_cache, CacheKey) and _takes_cache_key(request):
                body.setdefault("prompt_cache_key", request.prompt_cache.key)
            warnings = (*applied.warnings, *messages.warnings)
            translated = bool(warnings) or applied.changed or _differs(body, request.body)
            path = wire_path(request, "chat/completions", self._address)
            return WireRequest(path, json_bytes(body), {}, warnings, translated)
        except UnsupportedContent as problem:
            return rejected(problem)

    def decode_answer(self, payload: bytes) -> Answer | ErrorReport | Failure:
        """The answer in a 200 response. May raise one of MALFORMED."""
        return openai_answer(json_of(payload))

    def stream_reader(self) -> OpenAiReader:
        """A reader for one streamed response."""
        return OpenAiReader()


def _choose_among_fewer(applied: AppliedParameters) -> None:
    """Mistral has no choice among some of the tools: the others are left out."""
    choice, tools = applied.wire.get("tool_choice"), applied.wire.get("tools")
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return
    fields = mapping_of(choice.get("allowed_tools") or choice)
    allowed = list_in(fields.get("tools"), "tool_choice.allowed_tools.tools")
    functions = [mapping_of(mapping_of(tool).get("function")) for tool in allowed]
    offered = list_in(tools, "tools")
    names = {function["name"] for function in functions if isinstance(function.get("name"), str)}
    applied.wire["tools"] = [
        tool
        for tool in offered
        if str(mapping_of(mapping_of(tool).get("function")).get("name")) in names
    ]
    applied.wire["tool_choice"] = "any" if fields.get("mode") == "required" else "auto"
    applied.changed = True


def _differs(body: Mapping[str, Any], asked: ChatBody) -> bool:
    """Whether the messages or the limit aren't the caller's, who speaks this dialect already.

    model, stream and its options are the deployment's affair, whoever asks.
    """
    return body["messages"] != asked.messages or body.get("max_tokens") != asked.max_tokens


def _takes_cache_key(request: ProviderRequest) -> bool:
    """Azure's dated versions reject parameters that are younger than they are."""
    return request.deployment.provider in TABLES and request.deployment.api_version is None


def _messages(request: ProviderRequest) -> WireMessages:
    if request.deployment.provider not in TABLES:
        return compatible_messages(request.body.messages)
    if request.deployment.provider == "mistral":
        return mistral_messages(request.body.messages)
    return openai_messages(request.body.messages)


def _limits(request: ProviderRequest, applied: AppliedParameters) -> dict[str, Any]:
    """OpenAI's reasoning models refuse `max_tokens`; beside its newer name it is left out."""
    limit = applied.shaped.get("max_tokens")
    if limit is None or request.body.max_completion_tokens is not None:
        return {}
    thinks = "reasoning" in request.model.capabilities and request.deployment.provider != "mistral"
    return {"max_completion_tokens" if thinks else "max_tokens": limit}


def _streaming(provider: str, applied: AppliedParameters, *, stream: bool) -> dict[str, Any]:
    if not stream:
        return {}
    if provider == "mistral":
        return {"stream": True}
    options = object_in(applied.shaped.get("stream_options") or {}, "stream_options")
    return {"stream": True, "stream_options": {**options, "include_usage": True}}
