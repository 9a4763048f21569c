"""Structured logs: one JSON line per outcome; never a secret or a prompt.

Standard-library loggers (aiokafka, aiohttp, opentelemetry) go the same way, so that a line of
theirs is JSON as well.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TextIO

import structlog
from structlog.processors import ExceptionRenderer
from structlog.typing import EventDict, ExcInfo, FilteringBoundLogger, Processor

REDACTED: Final = "[redacted]"

_SECRET_NAME: Final = re.compile(
    r"(?i)(api[-_]?key|authorization|password|passwd|secret|cookie|credential|private[-_]?key"
    r"|(access|auth|bearer|session|security|refresh)[-_]?token)$|^token$"
)
_CONTENT_NAMES: Final = frozenset({"messages", "prompt", "content", "body", "answer", "completion"})
SECRET_KEY: Final = re.compile(
    r"\b(sk-[\w-]{8,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,}|xox[abp]-[\w-]{10,}|gh[pousr]_\w{20,})"
    r"|(?i:(?<=bearer )[\w.~+/=-]{8,})"
    r"|\beyJ[\w-]{8,400}\.[\w-]{8,2000}\.[\w-]*"  # a JSON web token
)
_NAMED_SECRET: Final = re.compile(
    r"((?i:api[-_]?key|secret(?:[-_]access)?(?:[-_]key)?|passw(?:or)?d|[a-z]_token)"
    r"(?:[ ]?=[ ]?|[\"']?:[ ]|[\"']:)[\"']?)(?!\[redacted)[^\s\"',;&]{8,}"
)
"""What stands behind a secret's name has no form of its own."""
# with or without an `@`, so that a stretch is read once, not from each `://` in it
_LOGIN: Final = re.compile(r"(?<=://)[^/\s:@]*+:\S++")
_MAX_TEXT: Final = 32_768
"""Characters of a text that are redacted and written: a sender's have no end of their own."""
_LONGEST_SECRET: Final = 1_024

_HINT: Final = re.compile(r"sk-|AKIA|AIza|xox|gh[pousr]_|(?i:bearer)|://|eyJ")
"""What any text that has a secret with a form has: one look for all fields of a line."""
_ASSIGNED: Final = ("=", ": ", '":', "':")
"""What stands between a secret's name and the secret."""


def start_logging(level: str = "INFO", *, content: bool = False, out: TextIO = sys.stdout) -> None:
    """Configure structlog and the standard library once, in `__main__`.

    Libraries are heard from WARNING on, or from DEBUG on if that is the level: at INFO, aiokafka
    tells every partition it gets. At DEBUG it writes whole requests, records included: that counts
    as content.

    content: let prompts and answers through (off by default), and so what errors say: where they
    were raised is always told. Secrets are redacted in any case.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if content else ExceptionRenderer(_frames),
        redact if content else redact_all,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_json)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(_json),
            ],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    heard = logging.DEBUG if level == "DEBUG" else logging.WARNING
    logging.basicConfig(handlers=[handler], level=heard, force=True)
    logging.getLogger("aiokafka").setLevel(logging.NOTSET if content else max(heard, logging.INFO))
    # it quotes each member of a sender's tracestate that it can't read
    logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)


_ENCODE: Final = json.JSONEncoder(default=repr).encode


def _json(event: EventDict, **_: object) -> str:
    """By one encoder for all lines: making one takes as long as a line."""
    return _ENCODE(event)


def logger(**fields: str) -> FilteringBoundLogger:
    """A logger whose every line carries `fields`, e.g. the role of the process."""
    bound: FilteringBoundLogger = structlog.get_logger(**fields)
    return bound


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: replaces secrets, by the name they go by or the form they have."""
    return _cleaned(event, drop_content=False)


def redact_all(_logger: object, _method: str, event: EventDict) -> EventDict:
    """As `redact`, and prompts and answers too."""
    return _cleaned(event, drop_content=True)


def without_secrets(text: str) -> str:
    """`text` with API keys, bearer tokens and passwords in URLs replaced."""
    named = _NAMED_SECRET.sub(rf"\1{REDACTED}", SECRET_KEY.sub(REDACTED, text))
    return _LOGIN.sub(_without_login, named)


def _without_login(login: re.Match[str]) -> str:
    """Up to the last `@`: a password may have some itself."""
    account, at, host = login[0].rpartition("@")
    return f"{REDACTED}@{host}" if account and at else login[0]


def _bounded(text: str) -> str:
    """`text` without secrets; redacted before it is cut, as half a secret has no form."""
    told = without_secrets(text[: _MAX_TEXT + _LONGEST_SECRET])
    if len(text) <= _MAX_TEXT:
        return told
    return f"{told[:_MAX_TEXT]} … of {len(text):,} characters"


def _frames(exc_info: ExcInfo) -> str:
    """Where it broke, without the errors' own words: they may quote a prompt or an answer."""
    told: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        frames = "".join(traceback.format_tb(error.__traceback__))
        told.append(f"{type(error).__name__}\n{frames}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "after\n".join(told)


def _cleaned(event: EventDict, *, drop_content: bool) -> EventDict:
    suspicious = _may_hide_secrets(event)
    for name, value in event.items():
        if suspicious or _is_hidden(name, drop_content):
            event[name] = _clean(name, value, drop_content)
    return event


def _may_hide_secrets(event: EventDict) -> bool:
    texts: list[str] = []
    for value in event.values():
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, Mapping | list | tuple):
            return True
    text = "\n".join(texts)
    if any(mark in text for mark in _ASSIGNED) and _NAMED_SECRET.search(text) is not None:
        return True
    return _HINT.search(text) is not None


def _is_hidden(name: str, drop_content: bool) -> bool:  # noqa: FBT001 (internal)
    return _names_secret(name) or (drop_content and name in _CONTENT_NAMES)


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _clean(name: str, value: object, drop_content: bool) -> object:  # noqa: FBT001 (internal)
    if _is_hidden(name, drop_content):
        return REDACTED
    match value:
        case str():
            return _bounded(value)
        case Mapping():
            return {key: _clean(str(key), item, drop_content) for key, item in value.items()}
        case list() | tuple():
            return [_clean("", item, drop_content) for item in value]
        case _:
            return value
