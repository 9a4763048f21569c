"""Responses call: what of a request its answer repeats, and what of it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.answers.dialect import AnswerContext, DialectCall

RESPONSE_PREFIX: Final = "resp_"


@dataclass(frozen=True, slots=True)
class ResponsesCall(DialectCall):
    """A Responses request, read."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the `response` object: what it repeats of the request."""

    items: Sequence[Mapping[str, Any]] = ()
    """The input, as items."""

    messages: Sequence[Mapping[str, Any]] = ()
    """The conversation so far, in the chat's terms, without the instructions."""

    custom_tools: frozenset[str] = frozenset()
    """Tools that take a text; the model knows them as functions with one argument."""

    encrypted: bool = False
    """The caller keeps the conversation, and wants the thoughts to send them back."""

    store: bool = True
    background: bool = False


def responses_call(context: AnswerContext) -> ResponsesCall:
    """The call behind an answer of this dialect."""
    if not isinstance(context.call, ResponsesCall):
        raise TypeError("a call of another dialect")
    return context.call


def response_id(request_id: str) -> str:
    """The response's id: the request's, so that nothing has to be looked up."""
    return RESPONSE_PREFIX + request_id


def request_id_of(name: str) -> str | None:
    """The request behind the id of a response or of one of its items; None if it can't be ours."""
    prefix, _, rest = name.partition("_")
    if prefix not in ("resp", "msg", "rs", "fc", "ctc") or not rest:
        return None
    return rest.partition(".")[0]
