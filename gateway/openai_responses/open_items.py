"""Open items: the items of a response while it is told, each with the events of its growth."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from gateway.answers.dialect import AnswerContext
from gateway.answers.stream_progress import ToolCallBegin
from gateway.openai_responses.call import responses_call
from gateway.openai_responses.response import (
    Item,
    ItemCall,
    call_item,
    custom_input,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
)

Event: TypeAlias = dict[str, Any]
_IN_PROGRESS = "in_progress"


class OpenReasoning:
    """What the model thinks."""

    def __init__(self, context: AnswerContext, index: int) -> None:
        self._context = context
        self._index = index
        self._text: list[str] = []
        self.sealed: str | None = None

    def begin(self) -> Iterator[Event]:
        """The item, still empty."""
        yield _added(self._index, reasoning_item(self._context, "", None))

    def grow(self, text: str) -> Iterator[Event]:
        """More of it."""
        if not self._text:
            part = {"type": "summary_text", "text": ""}
            yield self._event("response.reasoning_summary_part.added", part=part)
        self._text.append(text)
        yield self._event("response.reasoning_summary_text.delta", delta=text)

    def close(self, status: str) -> Iterator[Event]:
        """Its ends."""
        if self._text:
            text = "".join(self._text)
            part = {"type": "summary_text", "text": text}
            yield self._event("response.reasoning_summary_text.done", text=text)
            yield self._event("response.reasoning_summary_part.done", part=part)
        yield _item_done(self._index, self.whole(status))

    def whole(self, _status: str) -> Item:
        """The item as the response repeats it."""
        return reasoning_item(self._context, "".join(self._text), self.sealed)

    def _event(self, kind: str, **more: object) -> Event:
        place = {"item_id": f"rs_{self._context.request_id}", "output_index": self._index}
        return {"type": kind, **place, "summary_index": 0, **more}


class OpenMessage:
    """What the model says, or why it won't."""

    def __init__(self, context: AnswerContext, index: int) -> None:
        self._context = context
        self._index = index
        self._parts: list[tuple[bool, list[str]]] = []
        """(a refusal, the pieces of its text) of each part."""
        self.logprobs: Sequence[Mapping[str, Any]] = ()

    def begin(self) -> Iterator[Event]:
        """The item, still empty."""
        yield _added(self._index, message_item(self._context, [], _IN_PROGRESS))

    def grow(self, text: str, *, refused: bool) -> Iterator[Event]:
        """More of it; text and refusal are parts of their own."""
        if not self._parts or self._parts[-1][0] is not refused:
            if self._parts:
                yield from self._close_part()
            self._parts.append((refused, []))
            part = refusal_part("") if refused else text_part("")
            yield self._event("response.content_part.added", part=part)
        self._parts[-1][1].append(text)
        if refused:
            yield self._event("response.refusal.delta", delta=text)
        else:
            yield self._event("response.output_text.delta", delta=text, logprobs=[])

    def close(self, status: str) -> Iterator[Event]:
        """Its ends."""
        yield from self._close_part()
        yield _item_done(self._index, self.whole(status))

    def whole(self, status: str) -> Item:
        """The item as the response repeats it."""
        return message_item(self._context, [self._part(n) for n in range(len(self._parts))], status)

    def _close_part(self) -> Iterator[Event]:
        refused, pieces = self._parts[-1]
        text, part = "".join(pieces), self._part(len(self._parts) - 1)
        if refused:
            yield self._event("response.refusal.done", refusal=text)
        else:
            told = {"text": text, "logprobs": part["logprobs"]}
            yield self._event("response.output_text.done", **told)
        yield self._event("response.content_part.done", part=part)

    def _part(self, number: int) -> Item:
        refused, pieces = self._parts[number]
        text = "".join(pieces)
        return refusal_part(text) if refused else text_part(text, self.logprobs)

    def _event(self, kind: str, **more: object) -> Event:
        place = {"item_id": f"msg_{self._context.request_id}", "output_index": self._index}
        return {"type": kind, **place, "content_index": len(self._parts) - 1, **more}


class OpenCall:
    """A call of a function, or of a custom tool."""

    def __init__(self, context: AnswerContext, index: int, begun: ToolCallBegin) -> None:
        """index: among the items."""
        self._context = context
        self._index = index
        self.number = begun.index
        self._call_id = begun.id
        self._name = begun.name
        self._arguments: list[str] = []
        self._custom = begun.name in responses_call(context).custom_tools

    def begin(self) -> Iterator[Event]:
        """The item, still empty."""
        yield _added(self._index, self.whole(_IN_PROGRESS))

    def grow(self, text: str) -> Iterator[Event]:
        """More arguments. A custom tool's text stands inside of them, so it comes at the end."""
        self._arguments.append(text)
        if not self._custom:
            yield self._event("response.function_call_arguments.delta", delta=text)

    def close(self, status: str) -> Iterator[Event]:
        """Its ends."""
        arguments = "".join(self._arguments)
        if self._custom:
            text = custom_input(arguments)
            yield self._event("response.custom_tool_call_input.delta", delta=text)
            yield self._event("response.custom_tool_call_input.done", input=text)
        else:
            told = {"arguments": arguments, "name": self._name}
            yield self._event("response.function_call_arguments.done", **told)
        yield _item_done(self._index, self.whole(status))

    def whole(self, status: str) -> Item:
        """The item as the response repeats it."""
        made = ItemCall(self.number, self._call_id, self._name, "".join(self._arguments))
        return call_item(self._context, made, status)

    def _event(self, kind: str, **more: object) -> Event:
        place = {"item_id": self.whole(_IN_PROGRESS)["id"], "output_index": self._index}
        return {"type": kind, **place, **more}


OpenItem: TypeAlias = OpenReasoning | OpenMessage | OpenCall


def _added(index: int, item: Item) -> Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _item_done(index: int, item: Item) -> Event:
    return {"type": "response.output_item.done", "output_index": index, "item": item}
