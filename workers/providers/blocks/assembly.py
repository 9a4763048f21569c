"""How do content blocks, whole or piece by piece, become one OpenAI assistant message?

Anthropic and Bedrock both tell an answer as numbered blocks of text, thinking and tool calls.
"""

from dataclasses import dataclass, field
from typing import Any

from producers.contract import Usage
from workers.providers.base.dialect import Answer, Delta


@dataclass(slots=True)
class _ToolCall:
    id: str
    name: str
    number: int
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Thought:
    text: list[str] = field(default_factory=list)
    signature: str = ""


class AnswerAssembly:
    """Takes pieces by their block's index; each gives the OpenAI delta that tells it on."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: dict[int, _ToolCall] = {}
        self._thoughts: dict[int, _Thought] = {}

    def add_text(self, piece: str) -> Delta:
        """A piece of what the model says."""
        self._texts.append(piece)
        return {"content": piece}

    def add_thinking(self, index: int, piece: str) -> Delta:
        """A piece of what the model thinks."""
        self._thoughts.setdefault(index, _Thought()).text.append(piece)
        return {"reasoning_content": piece}

    def add_signature(self, index: int, told: str) -> None:
        """The provider's signature under a thought, which has to come back with it."""
        self._thoughts.setdefault(index, _Thought()).signature += told

    def begin_tool_call(self, index: int, call_id: str, name: str) -> Delta:
        """The begin of a tool call."""
        call = self._calls[index] = _ToolCall(call_id, name, len(self._calls))
        return _tool_delta({"name": name, "arguments": ""}, call.number, call_id)

    def add_arguments(self, index: int, piece: str) -> Delta:
        """A piece of a tool call's arguments."""
        call = self._calls[index]
        call.arguments.append(piece)
        return _tool_delta({"arguments": piece}, call.number)

    def assemble(self, head: dict[str, Any], reason: str, usage: Usage) -> Answer:
        """The whole answer. reason: `stop`, `length`, `tool_calls` or `refusal`."""
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
        return Answer(body, usage, reason)

    def _message(self, *, refused: bool) -> dict[str, Any]:
        text = "".join(self._texts) or None
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if refused:
            message |= {"content": None, "refusal": text or "The model refused."}
        if self._calls:
            message["tool_calls"] = [_whole(call) for call in self._calls.values()]
        if self._thoughts:
            blocks = [_thinking_block(thought) for thought in self._thoughts.values()]
            message["reasoning_content"] = "".join(block["thinking"] for block in blocks)
            message["thinking_blocks"] = blocks
        return message


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


def _tool_delta(function: dict[str, str], number: int, call_id: str | None = None) -> Delta:
    head = {"index": number, "function": function}
    return {
        "tool_calls": [head if call_id is None else {**head, "id": call_id, "type": "function"}]
    }


def _whole(call: _ToolCall) -> dict[str, Any]:
    arguments = "".join(call.arguments) or "{}"
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _thinking_block(thought: _Thought) -> dict[str, str]:
    text = "".join(thought.text)
    return {"type": "thinking", "thinking": text, "signature": thought.signature}
