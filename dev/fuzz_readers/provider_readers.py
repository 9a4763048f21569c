"""Readers of what providers, callers over HTTP, Redis and issuers of tokens send."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from cache.promise.error_bound import EXACT_COMPARISON
from cache.promise.group_bounds import cell_of, decode_bounds, status_of
from cache.storage.entry import decode_entry, entry_usage
from dev.fuzz_readers.corpus import headers_in
from dev.fuzz_readers.running import Steps
from gateway.anthropic_messages.request import read_messages_request
from gateway.demands.routing_demands import routing_demands
from gateway.errors.api_error import ApiError
from gateway.exchanges.submissions import parse_json
from gateway.openai_chat.request import read_chat_request
from observability.grounding.groundedness import context_support, read_verdict
from observability.logs import without_secrets
from observability.terminal import cell, plain, readable_json
from producers.contract import ChatBody, Usage
from producers.json_values import too_many_values
from runtime import limits
from runtime.identity.tokens.key_set import KeySet, KeySetError, parse_jwks, parse_shared_keys
from runtime.identity.tokens.signature import signed_claims
from workers.batching.wires.anthropic_batches import anthropic_result, anthropic_status
from workers.batching.wires.bedrock_batches import bedrock_result, bedrock_status
from workers.batching.wires.openai_batches import openai_result, openai_status
from workers.health.shared_state import BreakerNews, short_news
from workers.health.status_report import WorkerReport
from workers.providers.anthropic.request import AnthropicDialect
from workers.providers.base.dialect import MALFORMED, Answer, Dialect
from workers.providers.base.json_values import json_of, mapping_of
from workers.providers.base.token_counts import plausible
from workers.providers.bedrock.request import BedrockDialect
from workers.providers.errors.classification import classify_error, error_of_response
from workers.providers.errors.rate_limit_headers import rate_limits, wait_hint
from workers.providers.openai.request import OpenAiDialect
from workers.providers.response_reading import short_headers, whole_deltas
from workers.tokens.estimate import estimated_usage

_PIECE: Final = 131_072
"""Bytes of a response that aiohttp tells at once."""
_LONGEST_SHOWN: Final = 34_000
"""Characters that a log redacts of a field."""
_LONGEST_ON_LOOP: Final = 6_000
_NOW: Final = datetime(2026, 11, 26, tzinfo=UTC)
_DIALECTS: Final[tuple[Dialect, ...]] = (OpenAiDialect(), AnthropicDialect(), BedrockDialect())
_BODY: Final = ChatBody.model_validate({"messages": [{"role": "user", "content": "hi"}]})
_NEWS: Final[TypeAdapter[BreakerNews]] = TypeAdapter(BreakerNews)
_ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")
_CONTEXT: Final = "Ada Lovelace wrote 42 notes in 1843. They were 3.5 times as long as the memoir."


def _read_answer(dialect: Dialect, data: bytes) -> None:
    """Worker: the body of a 200 response, and what is made of it before the reply is written."""
    try:
        answer = dialect.decode_answer(data)
        if isinstance(answer, Answer):
            whole_deltas(answer.body)
    except (*MALFORMED, RecursionError):
        return
    if isinstance(answer, Answer):
        plausible(answer.usage, 100_000)
        estimated_usage(_BODY, answer.body)
        to_json(answer.body)


def _read_stream(dialect: Dialect, data: bytes) -> Steps:
    """Worker: a streamed response, in two pieces or more."""
    reader = dialect.stream_reader()
    size = min(_PIECE, len(data) // 2 + 1)
    try:
        for begin in range(0, len(data), size):
            for delta in reader.feed(data[begin : begin + size]):
                to_json(delta)
                yield
            yield
        list(reader.close())
        answer = reader.result()
    except (*MALFORMED, RecursionError):
        return
    if isinstance(answer, Answer):
        to_json(answer.body)


def _each_dialect(read: Callable[[Dialect, bytes], object]) -> tuple[partial[object], ...]:
    return tuple(partial(read, dialect) for dialect in _DIALECTS)


def read_batch_result(data: bytes) -> Steps:
    """Batch pool: a line of a batch's results; of one provider, so each reads it by itself."""
    for read in (openai_result, anthropic_result, bedrock_result):
        read(data)
        yield


def read_batch_status(data: bytes) -> None:
    """Batch pool: the state of a batch, as its provider tells it."""
    try:
        body = mapping_of(json_of(data))
    except ValueError:
        return
    for read in (openai_status, anthropic_status, bedrock_status):
        read(body)


def read_error(data: bytes) -> Steps:
    """Worker: a response that isn't a 200: headers up to an empty line, then the body."""
    head, _, body = data.partition(b"\n\n")
    headers = short_headers(
        {name.lower(): (value or b"").decode("latin-1") for name, value in headers_in(head)}
    )
    for status in (200, 400, 429, 500, 529):
        report = error_of_response(status, body, headers)
        classify_error(report, headers, _NOW)
        yield
    rate_limits(headers, _NOW)
    wait_hint(headers, report.message, _NOW)


def read_chat_call(data: bytes) -> None:
    """Gateway: the body of OpenAI's dialect."""
    _called(data, read_chat_request)


def read_messages_call(data: bytes) -> None:
    """Gateway: the body of Anthropic's dialect."""
    _called(data, read_messages_request)


def _called(data: bytes, read: Any) -> None:  # noqa: ANN401 either dialect's
    body = parse_json(data)
    if isinstance(body, ApiError):
        return
    call = read(body)
    if not isinstance(call, ApiError):
        routing_demands({}, body.get("switchgear"))
        try:
            ChatBody.model_validate(call.body)
        except ValidationError:
            return


def read_demands(data: bytes) -> None:
    """Gateway: the headers that steer a request."""
    headers = {name.lower(): (value or b"").decode("latin-1") for name, value in headers_in(data)}
    routing_demands(headers, None)


def read_news(data: bytes) -> None:
    """Worker: a message on the breakers' Redis channel."""
    try:
        _NEWS.validate_json(short_news(data))
    except ValueError:
        return


def read_report(data: bytes) -> None:
    """Command `fleet`: what a worker says of itself in Redis."""
    try:
        if not too_many_values(data, limits.MESSAGE_VALUES.value):
            WorkerReport.model_validate_json(data)
    except ValidationError:
        return


def read_cache_entry(data: bytes) -> None:
    """Worker: an entry of the cache in Redis, as it is served."""
    entry = decode_entry(data)
    if entry is not None:
        entry_usage(entry)
        entry.age_s(1_790_000_000_000)


def read_bounds(data: bytes) -> None:
    """Worker: what shadow checks have shown of a group of questions, as it lies in Redis."""
    decode_bounds(data)
    status_of(data, cell_of("semantic", "en"), 0.05, EXACT_COMPARISON)


def read_token(data: bytes) -> None:
    """Router and gateway: a signed token."""
    signed_claims(data, _keys())


@cache
def _keys() -> KeySet:
    return parse_shared_keys("one:" + "k" * 40, ("HS256",))


def read_key_set(data: bytes) -> None:
    """Router and gateway: the keys that an issuer publishes."""
    try:
        parse_jwks(data, _ALGORITHMS)
    except KeySetError:
        return


def _read_shown(data: bytes) -> None:
    """Operators' output: what a cell, a line and a log's field make of any text."""
    text = data.decode("utf-8", "surrogateescape")[:_LONGEST_SHOWN]
    without_secrets(text)
    plain(text)
    cell(text)
    readable_json({"shown": text, "usage": Usage().model_dump()})


def _read_grounding(data: bytes) -> Steps:
    """Worker: what of an answer its context supports. A long one is looked at on a thread."""
    text = data.decode("utf-8", "replace")
    context_support(text[:_LONGEST_ON_LOOP], _CONTEXT)
    yield
    read_verdict(text, _CONTEXT)
    yield
    read_verdict(_CONTEXT, text)
    yield
    half = _LONGEST_ON_LOOP // 2
    context_support(text[:half], text[half:_LONGEST_ON_LOOP])


PROVIDER_READERS: Final[Mapping[str, Any]] = {
    "answer": _each_dialect(_read_answer),
    "stream": _each_dialect(_read_stream),
    "error": (read_error,),
    "batch_result": (read_batch_result,),
    "batch_status": (read_batch_status,),
    "promise": (read_bounds,),
    "chat_call": (read_chat_call,),
    "messages_call": (read_messages_call,),
    "demands": (read_demands,),
    "breaker_news": (read_news,),
    "worker_report": (read_report,),
    "cache_entry": (read_cache_entry,),
    "token": (read_token,),
    "key_set": (read_key_set,),
    "text": (_read_shown, _read_grounding),
}
