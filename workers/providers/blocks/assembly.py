"""Answer assembly: content blocks, whole or in pieces, become one OpenAI assistant message.

Anthropic and Bedrock both tell an answer as numbered blocks of text, thinking and tool calls. The
numbers are a hint: servers that imitate them leave them out or use one twice. Of a block or a piece
of a kind that isn't known the answer warns; an answer that holds nothing else is malformed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from pydantic_core import to_json

from producers.contract import Usage
from producers.contract.codec import MAX_ANSWER_MARKS
from workers.providers.base.dialect import Answer, Delta
from workers.providers.base.json_in_turns import read_answer_json

_LONGEST_NAME: Final = 40
_MOST_UNKNOWN: Final = 10
TOO_MANY_BLOCKS: Final = "an answer of more blocks than a model writes"
MOST_BLOCKS: Final = 2_048
"""Of one answer: each is looked at several times, and no model writes so many."""


@dataclass(slots=True)
class _ToolCall:
    id: str
    name: str
    number: int
    arguments: list[str] = field(default_factory=list)
    whole: bool = False
    """All arguments came with its beginning."""


@dataclass(slots=True)
class _Thought:
    text: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)
    redacted: str | None = None


@dataclass(slots=True)
class _Text:
    """What is said between thoughts and calls."""

    pieces: list[str] = field(default_factory=list)


_Block: TypeAlias = _Thought | _Text | _ToolCall
_RANKS: Final = {_Thought: 0, _Text: 1, _ToolCall: 2}
"""The order in which OpenAI's message tells them."""


class AnswerAssembly:
    """Takes blocks and pieces in the order in which they come; each gives its OpenAI delta."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._blocks: list[_Block] = []
        self._calls: list[_ToolCall] = []
        self._thoughts: list[_Thought] = []
        self._call_at: dict[int, _ToolCall] = {}
        self._thought_at: dict[int, _Thought] = {}
        self._others: set[int] = set()
        self._unknown: dict[str, None] = {}
        self.provider_tools = Counter[str]()
        """Calls of tools that the provider runs itself, by name, where its usage counts none."""

    def add_text(self, piece: object) -> Delta | None:
        """A piece of what the model says; None when it holds nothing."""
        if not isinstance(piece, str) or not piece:
            return None
        self._texts.append(piece)
        last = self._blocks[-1] if self._blocks else None
        if not isinstance(last, _Text):
            self._add_block(last := _Text())
        last.pieces.append(piece)
        return {"content": piece}

    def begin_thought(self, index: object) -> Delta:
        """A block of thinking; what was at `index` before is another one."""
        self._add_thought(_Thought())
        if isinstance(index, int):
            self._thought_at[index] = self._thoughts[-1]
        return native_block({"type": "thinking", "thinking": "", "signature": ""})

    def add_thinking(self, index: object, piece: object) -> Delta | None:
        """A piece of what the model thinks."""
        if not isinstance(piece, str) or not piece:
            return None
        begun = self._begun_thought(index)
        self._thought(index).text.append(piece)
        return {"reasoning_content": piece, **begun}

    def add_signature(self, index: object, piece: object) -> Delta | None:
        """The provider's signature under a thought, which has to come back with it."""
        if not isinstance(piece, str) or not piece:
            return None
        begun = self._begun_thought(index)
        self._thought(index).signature.append(piece)
        signed = native_delta({"type": "signature_delta", "signature": piece})
        return {"anthropic": {**begun.get("anthropic", {}), **signed["anthropic"]}}

    def add_redacted_thinking(self, index: object, data: object) -> Delta | None:
        """A thought that the provider encrypted: opaque, and it too has to come back."""
        if not isinstance(data, str) or not data:
            return None
        self._add_thought(_Thought(redacted=data))
        if isinstance(index, int):
            self._thought_at[index] = self._thoughts[-1]
        return native_block({"type": "redacted_thinking", "data": data})

    def begin_tool_call(
        self, index: object, call_id: object, name: object, arguments: object = None
    ) -> Delta:
        """A tool call; what was at `index` before is another one. arguments: if all are known."""
        number = len(self._calls)
        own_id = call_id if isinstance(call_id, str) and call_id else f"call_{number}"
        call = _ToolCall(own_id, name if isinstance(name, str) else "", number)
        if arguments:
            call.arguments.append(_text(arguments))
            call.whole = True
        self._calls.append(call)
        self._add_block(call)
        if isinstance(index, int):
            self._call_at[index] = call
        return _tool_delta({"name": call.name, "arguments": "".join(call.arguments)}, call, own_id)

    def begin_other(self, index: object) -> None:
        """A block that has no place in an answer, such as a tool that the provider runs itself."""
        if isinstance(index, int):
            self._others.add(index)
            self._call_at.pop(index, None)

    def note_unknown(self, kind: object) -> None:
        """A block or a piece that this version doesn't know, and that may say something."""
        if len(self._unknown) < _MOST_UNKNOWN:
            self._unknown[kind[:_LONGEST_NAME] if isinstance(kind, str) else "unnamed"] = None

    def begin_provider_tool(self, index: object, name: object) -> None:
        """A call of a tool that the provider runs itself, and bills."""
        self.provider_tools[name[:_LONGEST_NAME] if isinstance(name, str) else "unknown"] += 1
        self.begin_other(index)

    def add_arguments(self, index: object, piece: object) -> Delta | None:
        """A piece of a tool call's arguments. Raises ValueError when no call has begun."""
        if not piece:
            return None
        call = self._call_at.get(index) if isinstance(index, int) else None
        if call is None and index in self._others:
            return None
        if call is None:
            if not self._calls:
                raise ValueError("arguments before a tool call")
            call = self._calls[-1]
        if call.whole:
            return None
        text = _text(piece)
        call.arguments.append(text)
        return _tool_delta({"arguments": text}, call)

    def assemble(self, head: Mapping[str, Any], reason: str, usage: Usage) -> Answer:
        """The whole answer. reason: `stop`, `length`, `tool_calls` or `refusal`.

        Raises ValueError for a call without a name, and when all that came is of unknown kinds.
        """
        if self._unknown and not (self._texts or self._calls):
            raise ValueError("an answer of unknown parts only")
        refused = reason == "refusal"
        choice = {
            "index": 0,
            "message": self._message(refused=refused),
            "logprobs": None,
            "finish_reason": "stop" if refused else reason,
        }
        body = {
            **head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": openai_usage_block(usage),
        }
        unread = (f"a part of the answer is of a kind not known: {kind}" for kind in self._unknown)
        return Answer(body, usage, reason, tuple(unread))

    def blocks_in_order(self) -> list[dict[str, Any]] | None:
        """The blocks as they came, in Anthropic's words; None where OpenAI's message has it all.

        None also where a thought isn't signed, for then nobody takes it back, or where a limit has
        cut a call's arguments.
        """
        ranks = [_RANKS[type(block)] for block in self._blocks]
        if ranks == sorted(ranks) and ranks.count(_RANKS[_Text]) <= 1:
            return None
        if any(not (each.signature or each.redacted) for each in self._thoughts):
            return None
        try:
            return [_native(block) for block in self._blocks]
        except ValueError:
            return None

    def _add_thought(self, thought: _Thought) -> None:
        self._thoughts.append(thought)
        self._add_block(thought)

    def _add_block(self, block: _Block) -> None:
        if len(self._blocks) == MOST_BLOCKS:
            raise ValueError(TOO_MANY_BLOCKS)
        self._blocks.append(block)

    def _begun_thought(self, index: object) -> Delta:
        """The beginning of the thought that a piece at `index` is of; empty if it has begun."""
        begun = index in self._thought_at if isinstance(index, int) else bool(self._thoughts)
        return {} if begun else self.begin_thought(index)

    def _thought(self, index: object) -> _Thought:
        """The thought at `index`, which has begun; without a number the last one."""
        known = self._thought_at.get(index) if isinstance(index, int) else None
        return self._thoughts[-1] if known is None else known

    def _message(self, *, refused: bool) -> dict[str, Any]:
        text = "".join(self._texts) or None
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if refused:
            message |= {"content": None, "refusal": text or "The model refused."}
        if self._calls:
            message["tool_calls"] = [_whole(call) for call in self._calls]
        blocks = [_thinking_block(thought) for thought in self._thoughts]
        if blocks:
            thoughts = "".join(block.get("thinking", "") for block in blocks)
            message |= {"reasoning_content": thoughts, "thinking_blocks": blocks}
        return message


def told_blocks(content: object) -> Sequence[Any]:
    """The blocks of an answer that came whole. Raises ValueError for too many, TypeError."""
    if not isinstance(content, list):
        raise TypeError("no list of blocks")
    if len(content) > MOST_BLOCKS:
        raise ValueError(TOO_MANY_BLOCKS)
    return content


def native_block(block: Mapping[str, Any]) -> Delta:
    """The beginning of a block that OpenAI's shape has no place for."""
    return {"anthropic": {"block": block}}


def native_delta(piece: Mapping[str, Any]) -> Delta:
    """A piece of the block that has begun last, in the words of Anthropic's stream."""
    return {"anthropic": {"delta": piece}}


def openai_usage_block(usage: Usage) -> dict[str, Any]:
    """Normalised usage in OpenAI's shape: cached tokens are a part of the prompt's."""
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output,
        "total_tokens": usage.input_total + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _tool_delta(function: dict[str, str], call: _ToolCall, call_id: str | None = None) -> Delta:
    head = {"index": call.number, "function": function}
    return {
        "tool_calls": [head if call_id is None else {**head, "id": call_id, "type": "function"}]
    }


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()


def _whole(call: _ToolCall) -> dict[str, Any]:
    if not call.name:
        raise ValueError("a tool call without a name")
    arguments = "".join(call.arguments) or "{}"
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _native(block: _Block) -> dict[str, Any]:
    """Raises ValueError for arguments that are no JSON."""
    match block:
        case _Thought():
            return dict(_thinking_block(block))
        case _Text(pieces):
            return {"type": "text", "text": "".join(pieces)}
        case _ToolCall(call_id, name):
            given = read_answer_json("".join(block.arguments).encode() or b"{}", MAX_ANSWER_MARKS)
            return {"type": "tool_use", "id": call_id, "name": name, "input": given}
        case _:
            assert_never(block)


def _thinking_block(thought: _Thought) -> dict[str, str]:
    if thought.redacted is not None:
        return {"type": "redacted_thinking", "data": thought.redacted}
    signature = "".join(thought.signature)
    return {"type": "thinking", "thinking": "".join(thought.text), "signature": signature}
