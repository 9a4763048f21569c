"""Failure codes of the contract as API errors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors.api_error import ApiError, ErrorKind
from producers.contract import Failed, FailureCode

_RETRY_AFTER_S: Final = 2


@dataclass(frozen=True, slots=True)
class _Told:
    kind: ErrorKind
    code: str | None = None
    """Where OpenAI's clients look for another word than the contract's."""
    retry_after_s: int | None = None
    may_retry: bool | None = None
    prefix: str = ""


_TABLE: Final[Mapping[FailureCode, _Told]] = {
    "invalid_request": _Told("invalid_request"),
    "provider_rejected": _Told("invalid_request"),
    "unsupported_content": _Told("invalid_request"),
    "reply_to_not_allowed": _Told("upstream", may_retry=False),
    # agents compact their conversation when they read these words
    "context_too_long": _Told(
        "invalid_request", "context_length_exceeded", prefix="prompt is too long: "
    ),
    "content_filtered": _Told("invalid_request", "content_filter"),
    "request_too_large": _Told("request_too_large"),
    "unknown_model": _Told("not_found", "model_not_found"),
    "unknown_tier": _Told("not_found", "model_not_found"),
    "id_reused": _Told("unprocessable", "idempotency_key_reused"),
    "no_deployment_fits": _Told("unprocessable"),
    "validation_failed": _Told("unprocessable"),
    "answer_too_large": _Told("unprocessable"),
    "not_in_cache": _Told("unprocessable"),
    "budget_exceeded": _Told("quota_exhausted", "insufficient_quota", may_retry=False),
    "overloaded": _Told("overloaded", retry_after_s=_RETRY_AFTER_S),
    "providers_exhausted": _Told("overloaded", retry_after_s=_RETRY_AFTER_S),
    "deadline_exceeded": _Told("timeout", may_retry=False),
    "cancelled": _Told("cancelled", may_retry=False),
    # the provider's key or our own configuration: a 401 would make callers change their key
    "bad_credentials": _Told("upstream", may_retry=False),
    # the gateway speaks for its callers: what it may not say is its operator's affair
    "forbidden": _Told("upstream", may_retry=False),
    "wrong_zone": _Told("forbidden"),
    "rate_limited": _Told("rate_limited", "rate_limit_exceeded", retry_after_s=_RETRY_AFTER_S),
    "unknown_tenant": _Told("upstream", may_retry=False),
    "internal_error": _Told("internal"),
}


def error_of(failed: Failed) -> ApiError:
    """What the caller is told of a failed request."""
    row = _TABLE[failed.code]
    return ApiError(
        row.kind,
        row.code or failed.code,
        row.prefix + failed.message,
        retry_after_s=_whole_s(failed.retry_after_s) or row.retry_after_s,
        may_retry=row.may_retry,
    )


def _whole_s(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, math.ceil(seconds))
