"""Error classification: the failure that an error response, or an error inside a stream, is.

Classified on (status, error code, words of the message), never on the status alone: the same 429
means "wait 2 s", "slow the ramp" and "the money is spent until next month". Rules are data, read
in order, the first that matches decides; the sources are the providers' error references.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from workers.providers.base.call_outcome import (
    BadCredentials,
    ContentFiltered,
    ContextTooLong,
    Failure,
    Overloaded,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRejected,
    ServerError,
    TimedOut,
    UnknownModel,
)
from workers.providers.base.error_report import ErrorReport
from workers.providers.base.json_values import json_of, mapping_of
from workers.providers.errors.rate_limit_headers import rate_limits, wait_hint
from workers.providers.errors.retry_after import seconds_until

LONGEST_MESSAGE: Final = 400
"""Characters of a provider's words that are passed on."""
_LONGEST_READ: Final = 2_000
"""Characters of them that the rules look at: their patterns must not cost a worker its loop."""
_LONGEST_CODE: Final = 100
_SERVER_ERROR: Final = 500

_Kind: TypeAlias = type[Failure]


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Matches when every part that is given matches."""

    kind: _Kind
    statuses: Collection[int] = ()
    codes: Collection[str] = ()
    words: str = ""

    def matches(self, report: ErrorReport) -> bool:
        """True when `report` is what this rule describes."""
        return (
            (not self.statuses or report.status in self.statuses)
            and (not self.codes or any(code in self.codes for code in report.codes))
            and (not self.words or re.search(self.words, report.message, re.IGNORECASE) is not None)
        )


_TOO_LONG: Final = (
    r"context (length|window)|too many (input )?tokens|prompt is too long|input is too long"
    r"|too large for model|maximum allowed (input )?length"
    r"|exceeds? the (maximum )?model.{0,80} length|expected maxLength: [0-9]+, actual"
    r"|must have (less|fewer) than [0-9]+ tokens"
)
_NEVER_FITS: Final = r"^request too large for|extra usage is required for long context"
"""With 429: no wait makes room for it."""
_RETIRED: Final = (
    r"(has been|was|is) (retired|deprecated|decommissioned)|end of its life|invalid model name"
)
_RAMP: Final = r"slow down|acceleration limit|ramp"
_FILTERED: Final = (
    r"content (management|filtering) policy|content ?policy ?violation|response was filtered"
    r"|violating our usage polic|(input|prompt|content) was flagged"
)
_OUTPUT_TOO_LONG: Final = r"tokens you requested exceeds|\b(output|completion) tokens\b"
_SOMETHING_TOO_LONG: Final = (
    r"\b(context|tokens?|inputs?|prompt)\b.{0,80}"
    r"(\bexceeds?\b|\blonger than\b|\btoo (long|large|many)\b|\bmust be <=)"
    r"|\bexceeds?\b.{0,40}\b(context|tokens?|prompt)\b"
)
"""The net behind the wordings that are known: every server has its own."""

RULES: Final = (
    # the operator must act
    ErrorRule(
        QuotaExhausted,
        codes={
            "insufficient_quota",
            "credit_balance_exhausted",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "enforced_spend_limit_reached",
            "budget_exceeded",
        },
    ),
    ErrorRule(QuotaExhausted, statuses={402}),
    ErrorRule(
        QuotaExhausted,
        statuses={400, 403, 429},
        words=r"regain access on|credit balance is too low|spend(ing)? limit|monthly (quota|limit)",
    ),
    ErrorRule(QuotaExhausted, codes={"ThrottlingException"}, words=r"\bper day\b"),
    ErrorRule(RampTooFast, codes={"ThrottlingException"}, words=_RAMP),
    ErrorRule(RateLimited, codes={"ThrottlingException", "TooManyRequestsException"}),
    ErrorRule(
        BadCredentials, codes={"invalid_api_key", "authentication_error", "permission_error"}
    ),
    ErrorRule(
        BadCredentials,
        codes={
            "AccessDeniedException",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "ExpiredTokenException",
            "MissingAuthenticationTokenException",
            "IncompleteSignatureException",
        },
    ),
    ErrorRule(
        BadCredentials,
        statuses={400},
        words=r"\bapi key (is )?(not valid|invalid|expired|missing)|location is not supported",
    ),
    ErrorRule(
        UnknownModel,
        codes={
            "model_not_found",
            "model_decommissioned",
            "ModelDeprecated",
            "OperationNotSupported",
            "invalid_model",
            "DeploymentNotFound",
            "unknown_model",
            "not_found_error",
            "ResourceNotFoundException",
        },
    ),
    ErrorRule(
        UnknownModel,
        codes={"ValidationException"},
        words=r"model identifier is invalid|on-demand throughput isn",
    ),
    ErrorRule(UnknownModel, statuses={400, 404, 410}, words=_RETIRED),
    # the caller must act
    ErrorRule(
        ContextTooLong,
        codes={"context_length_exceeded", "request_too_large", "exceed_context_size_error"},
    ),
    ErrorRule(ContextTooLong, statuses={400, 413, 422}, words=_TOO_LONG),
    ErrorRule(RequestRejected, statuses={400, 422}, words=_OUTPUT_TOO_LONG),
    ErrorRule(ContextTooLong, statuses={400, 422}, words=_SOMETHING_TOO_LONG),
    ErrorRule(ContextTooLong, statuses={413}),
    ErrorRule(ContextTooLong, statuses={429}, words=_NEVER_FITS),
    ErrorRule(ContextTooLong, statuses={500}, words=r"exceeds? the available context size"),
    ErrorRule(
        ContentFiltered,
        codes={
            "content_filter",
            "content_policy_violation",
            "moderation_blocked",
            "ResponsibleAIPolicyViolation",
        },
    ),
    ErrorRule(ContentFiltered, statuses={400, 403}, words=_FILTERED),
    # the provider must act
    ErrorRule(RampTooFast, codes={"slow_down"}),
    ErrorRule(RampTooFast, statuses={429}, words=_RAMP),
    ErrorRule(
        Overloaded,
        codes={
            "overloaded_error",
            "server_is_overloaded",
            "engine_overloaded",
            "resource_unavailable",
            "ServiceUnavailableException",
            "ModelNotReadyException",
        },
    ),
    ErrorRule(
        Overloaded,
        statuses={429},
        words=r"high demand|resource unavailable|overloaded|queue is full|capacity exceeded",
    ),
    ErrorRule(Overloaded, statuses={500}, words=r"\boverloaded\b"),
    ErrorRule(Overloaded, statuses={529, 503}),
    ErrorRule(
        RateLimited,
        codes={
            "rate_limit_exceeded",
            "rate_limit_error",
            "ServiceQuotaExceededException",
        },
    ),
    ErrorRule(RateLimited, statuses={429}),
    ErrorRule(TimedOut, codes={"timeout_error", "ModelTimeoutException"}),
    ErrorRule(TimedOut, statuses={408, 504}),
    ErrorRule(BadCredentials, statuses={401, 403}),
    ErrorRule(UnknownModel, statuses={404}),
    ErrorRule(ServerError, codes={"ModelErrorException", "ModelStreamErrorException", "api_error"}),
    ErrorRule(ServerError, statuses={409, 424}),
    ErrorRule(RequestRejected, statuses=range(400, 500)),
    ErrorRule(ServerError),
)

_IN_STREAM: Final[Mapping[str, int]] = {
    "rate_limit_error": 429,
    "overloaded_error": 529,
    "api_error": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "permission_error": 403,
    "invalid_request_error": 400,
    "server_error": 500,
    "server_is_overloaded": 503,
    "rate_limit_exceeded": 429,
    "ThrottlingException": 429,
    "ServiceUnavailableException": 503,
    "InternalServerException": 500,
    "ModelStreamErrorException": 424,
    "ValidationException": 400,
}
"""The status that an error told inside of a stream would have had."""


def classify_error(report: ErrorReport, headers: Mapping[str, str], now: datetime) -> Failure:
    """The failure that `report` is, with the provider's hints. headers: lower-case names."""
    report = replace(report, message=report.message[:_LONGEST_READ])
    kind = next(rule.kind for rule in RULES if rule.matches(report))
    fields: dict[str, Any] = {
        "message": report.message[:LONGEST_MESSAGE],
        "status": report.status,
        "code": report.codes[0] if report.codes else None,
        "limits": rate_limits(headers, now),
    }
    if kind in {RateLimited, RampTooFast, Overloaded}:
        fields["wait_s"] = wait_hint(headers, report.message, now)
    elif kind is QuotaExhausted:
        fields["until_s"] = _until(report.message, now)
    return kind(**fields)


def error_of_response(status: int, payload: bytes, headers: Mapping[str, str]) -> ErrorReport:
    """The report in any provider's error body; a body that isn't one keeps the status alone."""
    try:
        body = json_of(payload)
    except ValueError:
        body = None
    if isinstance(body, list) and len(body) == 1:  # Gemini's
        body = body[0]
    code = headers.get("x-amzn-errortype", "").partition(":")[0]
    if not isinstance(body, dict):
        return ErrorReport(status, _codes([code]), f"HTTP {status} without a readable error")
    return error_of_body(status, body, code)


def error_of_body(status: int, body: Mapping[str, Any], code: str = "") -> ErrorReport:
    """The report in a parsed error body: `{"error": {...}}`, or its fields at the top.

    code: what the response named outside of its body.
    """
    inner = _inner(body)
    exact = mapping_of(inner.get("details")).get("error_code")
    azure = mapping_of(inner.get("innererror")).get("code")
    names = (exact, inner.get("code"), code, inner.get("type"), inner.get("__type"), azure)
    codes = _codes((*names, inner.get("status")))
    message = inner.get("message") or inner.get("Message") or inner.get("detail") or "no message"
    return ErrorReport(status, codes, str(message))


def error_in_stream(body: Mapping[str, Any], code: str = "") -> ErrorReport:
    """The report of an error told after a 200: in a stream, or as the whole answer.

    The status that it would have had is told as a number by some servers, by a name by others.
    """
    report = error_of_body(_SERVER_ERROR, body, code)
    inner = _inner(body)
    numbers = (inner.get("code"), inner.get("status"), inner.get("status_code"), body.get("code"))
    numbered = next((status for status in map(_error_status, numbers) if status is not None), None)
    named = next((_IN_STREAM[name] for name in report.codes if name in _IN_STREAM), None)
    return replace(report, status=numbered or named or report.status)


def _inner(body: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = body.get("error") or body
    return inner if isinstance(inner, Mapping) else {"message": inner}


def _error_status(value: object) -> int | None:
    """400..599, as a number or in digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    digits = str(value)[:_LONGEST_CODE]
    return int(digits) if re.fullmatch("[45][0-9]{2}", digits) else None


def _codes(values: Iterable[object]) -> tuple[str, ...]:
    """The values that are names; a Smithy shape's goes without its namespace."""
    names = [value[:_LONGEST_CODE] for value in values if isinstance(value, str)]
    return tuple(
        name.rpartition("#")[2]
        for name in names
        if name not in {"", "error"} and not name.isdigit()
    )


def _until(message: str, now: datetime) -> float | None:
    """Seconds until "You will regain access on 2026-12-01 at 00:00 UTC" comes true, bounded."""
    date = re.search(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?: at ([0-9]{2}:[0-9]{2}) UTC)?", message)
    if date is None:
        return None
    try:
        at = datetime.fromisoformat(f"{date[1]}T{date[2] or '00:00'}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return seconds_until(at, now)
