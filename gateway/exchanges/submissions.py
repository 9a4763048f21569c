"""Submissions: a caller's headers and body as a request of the contract, or what is wrong."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from gateway.access.api_keys import Caller
from gateway.answers.dialect import DialectCall, HttpDialect
from gateway.connections.connection import Connection
from gateway.demands.request_id import body_digest, keyed_request_id
from gateway.demands.routing_demands import FIELD, HEADER_PREFIX, routing_demands
from gateway.errors.api_error import ApiError
from gateway.exchanges.exchange import Submission
from producers.contract import Request
from producers.json_values import too_many_values
from runtime import limits

_LONGEST_KEY: Final = 255
_LONGEST_PARAM: Final = 200
_COUNT: Final = re.compile("[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is published, and how its answer is to be told."""

    submission: Submission
    call: DialectCall


def accept(
    connection: Connection,
    dialect: HttpDialect,
    caller: Caller,
    raw: bytes,
    trace: Mapping[str, str],
) -> Accepted | ApiError:
    """The request in a body."""
    body = parse_json(raw)
    if isinstance(body, ApiError):
        return body
    routing = routing_demands(connection.headers, body.pop(FIELD, None))
    if isinstance(routing, ApiError):
        return routing
    call = dialect.read(body)
    if isinstance(call, ApiError):
        return call
    submissions = submissions_of(connection, caller, raw, [call.body], (routing, trace))
    return submissions if isinstance(submissions, ApiError) else Accepted(submissions[0], call)


def submissions_of(
    connection: Connection,
    caller: Caller,
    raw: bytes,
    bodies: Iterable[Mapping[str, Any]],
    beside: tuple[Mapping[str, Any], Mapping[str, str]],
) -> list[Submission] | ApiError:
    """The requests that a caller's one becomes, the first under its id. beside: routing, trace."""
    routing, trace = beside
    key = connection.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        words = f"idempotency-key: must have 1 to {_LONGEST_KEY} characters"
        return ApiError("invalid_request", "invalid_request", words)
    # the connection's own id is as random as another one would be
    first_id = connection.info.request_id if key is None else keyed_request_id(caller.tenant, key)
    digest, retries = _digest(connection, caller, raw), _retry_count(connection)
    if key is not None or retries:
        # who repeats a request after its failure wants another try, not the failure once more
        routing = {"after_failure": "run", **routing}
    submissions = []
    for number, body in enumerate(bodies):
        request_id = f"{first_id}.{number}" if number else first_id
        request = _validated(request_id, caller.tenant, body, routing)
        if isinstance(request, ApiError):
            return request
        own = body_digest(digest, str(number).encode()) if number else digest
        submissions.append(Submission(request, own, key is not None, retries, trace))
    return submissions


def parse_json(raw: bytes, *, numbers_aside: bool = False) -> dict[str, Any] | ApiError:
    """The object in a body. numbers_aside: lists of numbers may be long."""
    if too_many_values(raw, limits.MESSAGE_VALUES.value, numbers_aside=numbers_aside):
        words = f"the body has more than {limits.MESSAGE_VALUES.value:,} values: shorten it"
        return ApiError("invalid_request", "too_many_values", words)
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError:
        # the parser's own words may quote the body
        return ApiError("invalid_request", "invalid_json", "the body is not valid JSON")
    if not isinstance(body, dict):
        return ApiError("invalid_request", "invalid_json", "the body must be a JSON object")
    return body


def _validated(
    request_id: str, tenant: str, body: Mapping[str, Any], routing: Mapping[str, Any]
) -> Request | ApiError:
    try:
        return Request.model_validate(
            {"id": request_id, "tenant": tenant, "body": body, "routing": routing}
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    room, *steps = (str(step)[:_LONGEST_PARAM] for step in first["loc"])
    path = ".".join([FIELD, *steps] if room == "routing" else steps)[:_LONGEST_PARAM]
    words = first["msg"].removeprefix("Value error, ")
    return ApiError("invalid_request", "invalid_request", f"{path}: {words}", path)


def _digest(connection: Connection, caller: Caller, raw: bytes) -> bytes:
    demands = sorted(
        f"{name}:{value}"
        for name, value in connection.headers.items()
        if name.startswith(HEADER_PREFIX)
    )
    names = (caller.name, caller.tenant, connection.path, *demands)
    return body_digest(*(name.encode("utf-8", "surrogateescape") for name in names), raw)


def _retry_count(connection: Connection) -> int | None:
    count = connection.headers.get("x-stainless-retry-count", "")
    return int(count) if _COUNT.fullmatch(count) else None
