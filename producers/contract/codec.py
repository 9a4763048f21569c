"""Record codec: messages of the contract to Kafka values and headers and back.

A record that can't be read becomes a DecodeError, which says in the sender's terms what is wrong.

Header names are FastStream's where it has them (`correlation_id`, `reply_to`, `content-type`), so
any FastStream or plain Kafka client can take part.
"""

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from ..json_values import collector_paused, too_many_marks, too_many_values
from .message import PASSED_ON, Name
from .reply import Chunk, Done, Failed, Reply
from .request import ChatBody, Request
from .route import Route, TaggedRequest
from .usage_event import UsageEvent

SCHEMA: Final = "switchgear/2"
"""The contract's version, as written; `wire_format` says which are read."""
CORRELATION_ID: Final = "correlation_id"
REPLY_TO: Final = "reply_to"
REPLY_PARTITION: Final = "x-reply-partition"
"""The partition of the reply topic that the caller reads, in digits."""
REPLY_CHUNKS: Final = "x-reply-chunks"
"""`true`: a caller with Spring's correlation id takes a streamed answer's chunks too."""
SPRING_REPLY_TOPIC: Final = "kafka_replyTopic"
SPRING_REPLY_PARTITION: Final = "kafka_replyPartition"
"""Four bytes, big-endian."""
SPRING_CORRELATION: Final = "kafka_correlationId"
"""Opaque bytes."""
CONTENT_TYPE: Final = "content-type"
TENANT_HEADER: Final = "x-tenant"
SCHEMA_HEADER: Final = "x-schema"
ATTEMPT: Final = "x-attempt"
DEADLINE: Final = "x-deadline"
SUBMITTED: Final = "x-submitted"
SEQUENCE: Final = "x-sequence"
"""Records of one tenant with the same sequence are handled one after the other."""
LATENCY: Final = "x-latency"
VISITED: Final = "x-visited"
"""The tiers that handed the request over, comma-separated."""
DUE: Final = "x-due"
"""Unix milliseconds before which a record on a retry topic isn't handed on."""
TARGET: Final = "x-target"
"""The topic a retried or dead-lettered record belongs to."""
TENANT_TOKEN: Final = "x-tenant-token"  # noqa: S105 the name of a header
"""The sender's signed token (JWT), which says whose the record is. It goes no further."""
REPLY_NONCE: Final = "x-reply-nonce"
"""Every record of a reply repeats it: so a caller knows a reply to what it has sent itself."""
SIGNATURE: Final = "x-signature"
"""Of a record that a process of the engine wrote, by the key they share."""

OWN_HEADERS: Final = frozenset(
    {
        *(CORRELATION_ID, REPLY_TO, CONTENT_TYPE, TENANT_HEADER, SCHEMA_HEADER, ATTEMPT, DEADLINE),
        *(SUBMITTED, SEQUENCE, LATENCY, VISITED, DUE, TARGET, REPLY_PARTITION, REPLY_CHUNKS),
        *(SPRING_REPLY_TOPIC, SPRING_REPLY_PARTITION, SPRING_CORRELATION),
        *(TENANT_TOKEN, SIGNATURE, REPLY_NONCE),
        *("traceparent", "tracestate", "baggage"),
    }
)
"""What the engine sets itself; all other headers are the sender's and travel on."""

MAX_REQUEST_BYTES: Final = 1_000_000
"""Kafka's default message limit less room for headers."""

MAX_VALUES: Final = 16_384
"""JSON values in a request's body: each is looked at by several readers."""

MAX_MESSAGE_VALUES: Final = 32_768
"""JSON values in any whole message but a reply."""

MAX_ANSWER_MARKS: Final = 262_144
"""Commas, brackets, fourths of a quotation mark and of a backslash in an answer: about 11 for each
of a token's candidates, where log probabilities are asked for."""

MAX_REPLY_MARKS: Final = MAX_ANSWER_MARKS + 32_768
"""A reply holds an answer and how it came about."""
_SMALL_REPLY: Final = 65_536
_ANSWERS: Final = frozenset({"body", "delta"})
"""The fields of a reply that hold an answer, or a piece of one."""

_SEPARATORS: Final = (b",", b"[", b"{")
_NUMBERS: Final = b'"embeddings"'
"""Texts to embed may come as the numbers of their tokens."""
_MAX_PATH_CHARACTERS: Final = 200
"""A path may hold keys that the sender made up, of any length."""

_INTEGER: Final = re.compile(r"[0-9]{1,15}")
"""Longer ones overflow a float, or refuse to be parsed at all: a poison record, not a time."""

Headers: TypeAlias = Sequence[tuple[str, bytes]]
_M = TypeVar("_M", bound=BaseModel)
_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_REPLY: Final[TypeAdapter[Chunk | Done | Failed]] = TypeAdapter(Reply)


@dataclass(eq=False)
class DecodeError(Exception):
    """A record's value isn't the message it should be."""

    raw: bytes = field(repr=False)
    """The value as it came."""

    message: str
    """The kind of message that was expected."""

    where: str
    """The field's path, e.g. `body.messages.0.role`; empty for the record as a whole."""

    problem: str
    """What is wrong with it, without quoting it."""

    def __str__(self) -> str:
        return f"{self.message}: {self.where or 'the record'}: {self.problem}"


def encode(message: BaseModel) -> bytes:
    """The record value of any message of the contract."""
    return message.model_dump_json(exclude_unset=False, exclude_none=True, by_alias=True).encode()


def encode_request(request: Request) -> bytes:
    """The record value of a request: only what the caller set, so defaults stay the reader's."""
    return request.model_dump_json(exclude_unset=True, by_alias=True).encode()


def encode_tagged(route: Route, raw_request: bytes) -> bytes:
    """A tagged request around the caller's own bytes, which are not parsed again."""
    return b'{"route":%b,"request":%b}' % (encode(route), raw_request)


def decode_request(raw: bytes) -> Request:
    """Raises DecodeError."""
    _refuse_crowded("request", raw, MAX_MESSAGE_VALUES, _NUMBERS)
    request = _decode(Request, "request", raw)
    # each value but the first stands behind a separator: ordinary requests aren't walked through
    if len(raw) > MAX_VALUES and sum(map(raw.count, _SEPARATORS)) > MAX_VALUES:
        values = _values(request.body)
        if values > MAX_VALUES:
            problem = f"values of a request: {values:,} values, at most {MAX_VALUES:,} may be"
            raise DecodeError(raw, "request", "body", problem)
    return request


def _values(body: ChatBody) -> int:
    """JSON values in the body; texts to embed have a limit of their own."""
    fields = {**body.__dict__, **(body.model_extra or {})}
    return _count([fields[name] for name in body.model_fields_set if name != "embeddings"])


def _count(waiting: list[Any], most: float = float("inf")) -> int:
    """JSON values in those of a list, and in them; once it is above `most`, no more are counted."""
    number = 0
    while waiting and number <= most:
        value = waiting.pop()
        number += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return number


def decode_tagged(raw: bytes) -> TaggedRequest:
    """Raises DecodeError."""
    _refuse_crowded("tagged", raw, MAX_MESSAGE_VALUES, _NUMBERS)
    return _decode(TaggedRequest, "tagged", raw, PASSED_ON)


def decode_usage(raw: bytes) -> UsageEvent:
    """Raises DecodeError."""
    _refuse_crowded("usageevent", raw, MAX_MESSAGE_VALUES)
    return _decode(UsageEvent, "usageevent", raw)


def decode_reply(raw: bytes) -> Chunk | Done | Failed:
    """A failure code that isn't known yet reads as `internal_error`. Raises DecodeError."""
    if too_many_marks(raw, MAX_REPLY_MARKS):
        problem = f"marks of a reply: more than {MAX_REPLY_MARKS:,}, at most so many may be"
        raise DecodeError(raw, "reply", "", problem)
    if len(raw) > _SMALL_REPLY:
        return _large_reply(raw)
    try:
        return _REPLY.validate_json(raw, context=PASSED_ON)
    except ValidationError as error:
        raise _explain("reply", raw, error) from None


def _large_reply(raw: bytes) -> Chunk | Done | Failed:
    """Its body is made once, by the parser: the validator would make it a second time.

    What a reply has beside its body is validated value by value, which takes far longer.
    """
    try:
        with collector_paused(raw):
            value = from_json(raw, cache_strings="none")
    except ValueError:
        raise DecodeError(raw, "reply", "", "isn't JSON") from None
    fields = value if isinstance(value, dict) else {}
    beside = [each for name, each in fields.items() if name not in _ANSWERS]
    if _count(beside, MAX_MESSAGE_VALUES) > MAX_MESSAGE_VALUES:
        problem = f"more than {MAX_MESSAGE_VALUES:,} values beside the answer"
        raise DecodeError(raw, "reply", "", problem)
    try:
        return _REPLY.validate_python(value, context=PASSED_ON)
    except ValidationError:  # its words may quote all of it
        raise DecodeError(raw, "reply", "", "isn't one") from None


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """The first header called `name` as text; None when absent, null or not UTF-8."""
    for key, value in headers:
        if key == name and value is not None:
            return _text(value)
    return None


def integer(headers: Headers, name: str) -> int | None:
    """The header's whole number; None when absent, not one, or beyond any time and count."""
    text = header(headers, name)
    return int(text) if text is not None and _INTEGER.fullmatch(text) else None


def request_id(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """The request's id as its headers claim it; None when no request can have such an id."""
    try:
        return _NAME.validate_python(header(headers, CORRELATION_ID))
    except ValidationError:
        return None


def read_name(raw: bytes | None) -> str | None:
    """`raw` as a Name, such as an id or a tenant; None when it can't be one."""
    try:
        return None if raw is None else _NAME.validate_python(_text(raw))
    except ValidationError:
        return None


def to_headers(values: Mapping[str, str | int | None]) -> list[tuple[str, bytes]]:
    """Kafka headers of `values`; None is left out."""
    return [(key, str(value).encode()) for key, value in values.items() if value is not None]


def _refuse_crowded(name: str, raw: bytes, most: int, numbers: bytes | None = None) -> None:
    """numbers: where this is in `raw`, there may be long lists of numbers."""
    if len(raw) <= 2 * most:  # an ordinary one: no value takes less than two bytes
        return
    if too_many_values(raw, most, numbers_aside=numbers is not None and numbers in raw):
        problem = f"values of a {name}: more than {most:,}, at most so many may be"
        raise DecodeError(raw, name, "", problem)


def _decode(kind: type[_M], name: str, raw: bytes, context: str | None = None) -> _M:
    try:
        return kind.model_validate_json(raw, context=context)
    except ValidationError as error:
        raise _explain(name, raw, error) from None


def _explain(message: str, raw: bytes, error: ValidationError) -> DecodeError:
    """The first problem, without the offending input: it may hold a prompt."""
    first = error.errors(include_url=False, include_input=False)[0]
    more = error.error_count() - 1
    problem = _problem(first) + (f" (and {more} more)" if more else "")
    if raw.startswith(_BYTE_ORDER_MARKS):
        problem += ": it begins with a byte order mark, and JSON here is UTF-8 without one"
    where = ".".join(str(step)[:_MAX_PATH_CHARACTERS] for step in first["loc"])
    return DecodeError(raw, message, where[:_MAX_PATH_CHARACTERS], problem)


def _problem(error: ErrorDetails) -> str:
    """The validator's words, except where they quote the input."""
    if error["type"] == "union_tag_invalid":
        return f"must have one of these as {error['ctx']['discriminator']}: " + str(
            error["ctx"]["expected_tags"]
        )
    return error["msg"].removeprefix("Value error, ")


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
