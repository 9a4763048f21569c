"""Embeddings: OpenAI's `/embeddings`, as its servers and the compatible ones take and answer it."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from struct import pack
from typing import Any, Final

from producers.contract import EmbeddingsInput
from workers.providers.base.call_outcome import RequestRejected
from workers.providers.base.dialect import Answer, WireRequest
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.shapes import json_bytes
from workers.providers.openai.address import openai_wire_model, wire_path
from workers.providers.openai.usage import openai_usage

_TAKES_TOKENS: Final = ("openai", "azure", "self", "vllm")
_TAKES_BASE64: Final = ("openai", "azure")
_FLOAT_BYTES: Final = 4


def embeddings_request(
    request: ProviderRequest, embeddings: EmbeddingsInput, address: str = ""
) -> WireRequest | RequestRejected:
    """The request on the wire. address: as of `wire_path`."""
    provider = request.deployment.provider
    inputs = embeddings["input"]
    if not isinstance(inputs[0], str) and provider not in _TAKES_TOKENS:
        message = f"input: {provider} takes texts only, no token numbers"
        return RequestRejected(message=message, code="unsupported_content")
    body: dict[str, Any] = {"model": openai_wire_model(request), "input": inputs}
    if provider in _TAKES_BASE64:  # a fifth of the bytes, and nothing is lost
        body["encoding_format"] = "base64"
    if "dimensions" in embeddings:
        name = "output_dimension" if provider == "mistral" else "dimensions"
        body[name] = embeddings["dimensions"]
    user = (request.body.model_extra or {}).get("user")
    if isinstance(user, str) and provider in _TAKES_BASE64:
        body["user"] = user
    path = wire_path(request, "embeddings", address)
    return WireRequest(path, json_bytes(body), {}, (), translated=False)


def embeddings_answer(body: Mapping[str, Any]) -> Answer:
    """The vectors in the order of their texts, as base64. Raises one of MALFORMED."""
    data = sorted(body["data"], key=lambda each: each["index"])
    if [each["index"] for each in data] != list(range(len(data))) or not data:
        raise ValueError("vectors without their numbers")
    vectors = [
        {"object": "embedding", "index": number, "embedding": _base64(each["embedding"])}
        for number, each in enumerate(data)
    ]
    told: dict[str, Any] = {"object": "list", "data": vectors}
    if isinstance(body.get("model"), str):
        told["model"] = body["model"]
    usage = openai_usage(body.get("usage"))
    # a provider may tell output, or a total that differs: a vector is no generated text
    return Answer(told, usage.model_copy(update={"output": 0, "reasoning": 0}), "stop")


def _base64(vector: object) -> str:
    """Little-endian float32. Raises ValueError for what is no vector."""
    if isinstance(vector, str):
        if not vector or len(b64decode(vector, validate=True)) % _FLOAT_BYTES:
            raise ValueError("no vector of float32")
        return vector
    if not isinstance(vector, list) or not vector:
        raise ValueError("no vector")
    try:
        return b64encode(pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise ValueError("a number that is no float32") from None
