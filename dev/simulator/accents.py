"""Accents: how servers that imitate a dialect differ from it, each by a name that a test sets.

An accent changes a stream that is whole already, event by event, or a whole body. It says what the
reference says, in another shape, so that every reader must come to the same answer.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from struct import unpack_from
from typing import Any, Final, TypeAlias

from pydantic_core import from_json, to_json

from .bedrock_wire import framed

Body: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Sequence[Body]], Iterable[Body]]
"""A stream's bodies, as an accent tells them."""


def _delta_of(chunk: Body) -> Body:
    choices = chunk.get("choices")
    delta = choices[0].get("delta") if choices else None
    return delta if isinstance(delta, dict) else {}


def _calls(change: Callable[[Body, bool], None]) -> Change:
    """Changes each piece of a tool call; told whether it is the first piece of its call."""

    def changed(chunks: Sequence[Body]) -> Iterator[Body]:
        for chunk in chunks:
            for piece in _delta_of(chunk).get("tool_calls") or ():
                change(piece, "id" in piece)
            yield chunk

    return changed


def _named_again(chunks: Sequence[Body]) -> Iterator[Body]:
    names: dict[int, str] = {}
    for chunk in chunks:
        for piece in _delta_of(chunk).get("tool_calls") or ():
            function = piece["function"]
            function["name"] = names.setdefault(piece["index"], function.get("name", ""))
        yield chunk


def _deltas(change: Callable[[Body], None]) -> Change:
    def changed(chunks: Sequence[Body]) -> Iterator[Body]:
        for chunk in chunks:
            change(_delta_of(chunk))
            yield chunk

    return changed


def _in_parts(delta: Body) -> None:
    if delta.get("content"):
        delta["content"] = [{"type": "text", "text": delta["content"]}]


def _reasoning(delta: Body) -> None:
    if "reasoning_content" in delta:
        delta["reasoning"] = delta.pop("reasoning_content")


def _filtered(chunks: Sequence[Body]) -> Iterator[Body]:
    report: Body = {"index": 0, "finish_reason": None, "content_filter_results": {"hate": {}}}
    for chunk in chunks:
        yield chunk
        yield {**chunk, "choices": [report], "usage": None}
        yield {**chunk, "choices": [{**report, "delta": None}], "usage": None}


def _stop_again(chunks: Sequence[Body]) -> Iterator[Body]:
    for chunk in chunks:
        yield chunk
        if chunk.get("choices") and chunk["choices"][0].get("finish_reason"):
            yield {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def _usage_in_choice(chunks: Sequence[Body]) -> Iterator[Body]:
    usage = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    for chunk in chunks:
        if chunk.get("choices"):
            if chunk["choices"][0].get("finish_reason"):
                chunk["choices"][0]["usage"] = usage
            yield {name: value for name, value in chunk.items() if name != "usage"}


def _without(*names: str) -> Change:
    return lambda bodies: (
        {name: value for name, value in body.items() if name not in names} for body in bodies
    )


def _beside(extra: Body) -> Change:
    """A body of another kind behind each, as newer versions send them."""
    return lambda bodies: (each for body in bodies for each in (body, extra))


def _each(**fields: Any) -> Change:  # noqa: ANN401 - JSON
    return lambda bodies: ({**body, **fields} for body in bodies)


def _no_index(piece: Body, _first: bool) -> None:  # noqa: FBT001 - of `_calls`
    piece.pop("index", None)


def _null_index(piece: Body, _first: bool) -> None:  # noqa: FBT001 - of `_calls`
    piece["index"] = None


def _text_index(piece: Body, _first: bool) -> None:  # noqa: FBT001 - of `_calls`
    piece["index"] = str(piece.get("index"))


def _flat(piece: Body, _first: bool) -> None:  # noqa: FBT001 - of `_calls`
    piece |= piece.pop("function", {})


def _number_error(_bodies: Sequence[Body]) -> Iterator[Body]:
    yield {"error": {"message": "Rate limit reached", "type": "BadRequestError", "code": 429}}


OPENAI: Final[Mapping[str, Change]] = {
    "no_index": _calls(_no_index),
    "null_index": _calls(_null_index),
    "text_index": _calls(_text_index),
    "flat_calls": _calls(_flat),
    "named_again": _named_again,
    "in_parts": _deltas(_in_parts),
    "reasoning": _deltas(_reasoning),
    "filter_reports": _filtered,
    "stop_again": _stop_again,
    "usage_in_choice": _usage_in_choice,
    "error_null": _each(error=None),
    "no_head": _without("id", "created", "model", "object"),
    "number_error": _number_error,
}
ANTHROPIC: Final[Mapping[str, Change]] = {
    "no_index": _without("index"),
    "pings": _beside({"type": "ping"}),
    "newer_events": _beside({"type": "thread_event", "thread": {"id": 1}}),
    "no_stop": lambda bodies: (body for body in bodies if body["type"] != "message_stop"),
    "error_null": _each(error=None),
    "number_error": _number_error,
}
BEDROCK: Final[Mapping[str, Change]] = {
    "no_index": _without("contentBlockIndex"),
    "newer_fields": _each(padding="abcdefghijkl"),
    "no_metadata": lambda bodies: (body for body in bodies if "usage" not in body),
}
ACCENTS: Final[Mapping[str, Mapping[str, Change]]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "bedrock": BEDROCK,
}
"""By the dialect."""
LINE_ENDS: Final = {"crlf", "cr", "comments", "bom", "no_done"}
"""Accents of Server-Sent Events, in whatever dialect."""
OTHER_FORM: Final = "other_form"
"""One JSON body where a stream was asked for, a stream where one body was."""


def _message_of(body: Body) -> Body:
    message: Body = body["choices"][0]["message"]
    return message


def _whole_calls(change: Callable[[Body], None]) -> Callable[[Body], None]:
    def changed(body: Body) -> None:
        for call in _message_of(body).get("tool_calls") or ():
            change(call)

    return changed


def _object_arguments(call: Body) -> None:
    call["function"]["arguments"] = json.loads(call["function"]["arguments"])


def _headless(body: Body) -> None:
    for name in ("id", "created", "model", "object"):
        body.pop(name, None)


WHOLE: Final[Mapping[str, Mapping[str, Callable[[Body], None]]]] = {
    "openai": {
        "in_parts": lambda body: _in_parts(_message_of(body)),
        "reasoning": lambda body: _reasoning(_message_of(body)),
        "flat_calls": _whole_calls(lambda call: _flat(call, True)),  # noqa: FBT003 - of `_calls`
        "object_arguments": _whole_calls(_object_arguments),
        "no_ids": _whole_calls(lambda call: call.update(id=None)),
        "error_null": lambda body: body.update(error=None),
        "no_head": _headless,
    },
    "anthropic": {
        "error_null": lambda body: body.update(error=None),
        "other_blocks": lambda body: body["content"].append({"type": "container_upload"}),
    },
    "bedrock": {"newer_fields": lambda body: body.update(padding="abcdefghijkl")},
}
"""Accents of whole bodies, by the dialect."""
NAMES: Final = {
    OTHER_FORM,
    *LINE_ENDS,
    *(name for accents in (*ACCENTS.values(), *WHOLE.values()) for name in accents),
}


def accented_whole(dialect: str, name: str | None, body: bytes) -> bytes:
    """The whole body with the accent; as it is where the dialect doesn't know it."""
    change = WHOLE[dialect].get(name) if name is not None else None
    if change is None:
        return body
    told = json.loads(body)
    change(told)
    return to_json(told)


def accented(dialect: str, name: str | None, events: Sequence[bytes]) -> list[bytes]:
    """The events with the accent; as they are where the dialect doesn't know it."""
    if name is None:
        return list(events)
    change = ACCENTS[dialect].get(name)
    if change is not None:
        spoken = _framed(events, change) if dialect == "bedrock" else _told(events, change)
        return list(spoken)
    if name not in LINE_ENDS or dialect == "bedrock":
        return list(events)
    return list(_lines(name, events))


_ENDS: Final = {"crlf": b"\r\n", "cr": b"\r"}


def _lines(name: str, events: Sequence[bytes]) -> Iterator[bytes]:
    if name == "bom":
        yield b"\xef\xbb\xbf"
    for event in events:
        if name == "no_done" and event.startswith(b"data: [DONE]"):
            continue
        yield event.replace(b"\n", _ENDS.get(name, b"\n"))
        if name == "comments":
            yield b": keep-alive\n\n"


def _told(events: Sequence[bytes], change: Change) -> Iterator[bytes]:
    datas = [event.partition(b"data: ")[2].strip() for event in events]
    bodies = [json.loads(data) for data in datas if data.startswith(b"{")]
    for body in change(bodies):
        kind = body.get("type")
        head = f"event: {kind}\n".encode() if isinstance(kind, str) else b""
        yield head + b"data: " + to_json(body) + b"\n\n"
    if datas[-1] == b"[DONE]":
        yield events[-1]


def _framed(events: Sequence[bytes], change: Change) -> Iterator[bytes]:
    for event in events:
        headers = unpack_from(">I", event, 4)[0]
        kind = event[12 : 12 + headers]
        name = next(name for name in _BEDROCK_EVENTS if name.encode() in kind)
        for body in change([from_json(event[12 + headers : -4])]):
            yield framed(name, body)


_BEDROCK_EVENTS: Final = (
    *("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop"),
    *("messageStop", "metadata"),
)
