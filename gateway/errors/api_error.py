"""API error: a failure's kind, code and message, with its HTTP status in each dialect."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

ErrorKind: TypeAlias = Literal[
    "invalid_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "gone",
    "method_not_allowed",
    "body_timeout",
    "request_too_large",
    "unsupported_media_type",
    "unprocessable",
    "headers_too_large",
    "rate_limited",
    "quota_exhausted",
    "cancelled",
    "internal",
    "upstream",
    "overloaded",
    "timeout",
]


class DialectError(NamedTuple):
    """The HTTP status and the error type of one dialect."""

    status: int
    type: str


class _Row(NamedTuple):
    openai: DialectError
    anthropic: DialectError


def _row(status: int, openai: str, anthropic: str, anthropic_status: int | None = None) -> _Row:
    return _Row(DialectError(status, openai), DialectError(anthropic_status or status, anthropic))


_INVALID: Final = "invalid_request_error"
# 409 is in no row: every SDK would retry it
_ROWS: Final[Mapping[ErrorKind, _Row]] = {
    "invalid_request": _row(400, _INVALID, _INVALID),
    "unauthenticated": _row(401, _INVALID, "authentication_error"),
    "forbidden": _row(403, _INVALID, "permission_error"),
    "not_found": _row(404, _INVALID, "not_found_error"),
    "gone": _row(410, _INVALID, "not_found_error"),
    "method_not_allowed": _row(405, _INVALID, _INVALID),
    "body_timeout": _row(408, _INVALID, _INVALID),
    "request_too_large": _row(413, _INVALID, "request_too_large"),
    "unsupported_media_type": _row(415, _INVALID, _INVALID),
    "unprocessable": _row(422, _INVALID, _INVALID),
    "rate_limited": _row(429, "rate_limit_error", "rate_limit_error"),
    "quota_exhausted": _row(429, "insufficient_quota", "billing_error", 402),
    "headers_too_large": _row(431, _INVALID, _INVALID),
    "cancelled": _row(499, _INVALID, _INVALID),
    "internal": _row(500, "server_error", "api_error"),
    "upstream": _row(502, "server_error", "api_error"),
    "overloaded": _row(503, "server_error", "overloaded_error", 529),
    "timeout": _row(504, "timeout_error", "timeout_error"),
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """A failure as a caller over HTTP learns of it."""

    kind: ErrorKind
    code: str
    """For programs: the contract's failure code, or the dialect's own word for it."""

    message: str
    """For people: what happened and what to do; without prompts and secrets."""

    param: str | None = None
    """The field of the body that is wrong, e.g. `messages.0.role`."""

    retry_after_s: int | None = None
    """Seconds after which a repetition makes sense, 1 to 60: the SDKs heed no longer ones."""

    may_retry: bool | None = None
    """`x-should-retry`; None leaves it to the status."""

    allow: str | None = None
    """Of a wrong method: the ones that the path takes."""

    @property
    def openai(self) -> DialectError:
        """How OpenAI's dialect tells it."""
        return _ROWS[self.kind].openai

    @property
    def anthropic(self) -> DialectError:
        """How Anthropic's dialect tells it."""
        return _ROWS[self.kind].anthropic

    def headers(self) -> dict[str, str]:
        """The response headers that steer the SDKs' retries."""
        headers: dict[str, str] = {}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        if self.allow is not None:
            headers["allow"] = self.allow
        if self.may_retry is not None:
            headers["x-should-retry"] = "true" if self.may_retry else "false"
        return headers


def wrong_method(path: str, allowed: str) -> ApiError:
    """The path is right, the method isn't. allowed: as the `allow` header lists them."""
    first = allowed.partition(",")[0]
    words = f"{path} takes {first}"
    return ApiError("method_not_allowed", "method_not_allowed", words, allow=allowed)
