"""OpenAI messages: a chat as each server that speaks OpenAI's dialect takes it.

The caller's chat is OpenAI's already, but its history may hold another provider's answers:
thoughts, cache marks, ids of other forms. OpenAI and Mistral refuse a message with a field that
they don't know. What they would refuse for its shape goes out as it came: it is theirs to judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from workers.providers.base.json_values import mapping_of
from workers.providers.base.tool_call_ids import MISTRAL_IDS, OPENAI_IDS, ToolCallIds

_Message: TypeAlias = Mapping[str, Any]

_OURS: Final = {"thinking_blocks", "reasoning_content"}
"""Fields of other providers' answers that say nothing to this one."""
_SAID_ELSEWHERE: Final = _OURS | {"refusal", "annotations"}
"""Fields of an answer sent back as it came whose loss needs no warning."""
_CALL_FIELDS: Final = {"id", "type", "function", "custom"}
"""Fields of a tool call; others, such as signatures, are for the provider that made it."""
_MISTRAL_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "system": ("role", "content"),
    "user": ("role", "content"),
    "assistant": ("role", "content", "tool_calls", "prefix"),
    "tool": ("role", "content", "tool_call_id", "name"),
}


@dataclass(frozen=True, slots=True)
class WireMessages:
    """The messages on the wire; warnings name what carried something and was left out."""

    messages: list[_Message]
    warnings: tuple[str, ...] = ()


def openai_messages(messages: Sequence[_Message]) -> WireMessages:
    """For OpenAI and Azure: without the fields of other providers' answers."""
    ids = ToolCallIds(OPENAI_IDS)
    return WireMessages(
        [
            _plain_parts(_with_ids({n: v for n, v in message.items() if n not in _OURS}, ids))
            for message in messages
        ]
    )


def mistral_messages(messages: Sequence[_Message]) -> WireMessages:
    """For Mistral: its own fields only, and its own form of ids."""
    ids = ToolCallIds(MISTRAL_IDS)
    wire: list[_Message] = []
    dropped: dict[str, None] = {}
    for message in map(_without_developer, messages):
        fields = _MISTRAL_FIELDS[message["role"]]
        wire_message = {name: message[name] for name in fields if name in message}
        if not wire_message.get("content") and message.get("refusal"):
            wire_message["content"] = message["refusal"]
        names = message.keys() - {*fields, *_SAID_ELSEWHERE}
        dropped |= dict.fromkeys(sorted(name for name in names if message[name]))
        wire.append(_plain_parts(_with_ids(wire_message, ids)))
    if wire and wire[-1]["role"] == "assistant" and not wire[-1].get("tool_calls"):
        wire[-1] = {**wire[-1], "prefix": True}  # it goes on with it; else it would refuse the chat
    warnings = (f"the messages' {name} was dropped: Mistral has no such field" for name in dropped)
    return WireMessages(wire, tuple(warnings))


def compatible_messages(messages: Sequence[_Message]) -> WireMessages:
    """For every other server: they bear unknown fields, but not all know the developer's role."""
    return WireMessages([_without_developer(message) for message in messages])


def _without_developer(message: _Message) -> _Message:
    return {**message, "role": "system"} if message["role"] == "developer" else message


def _with_ids(message: dict[str, Any], ids: ToolCallIds) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [
            {n: v for n, v in call.items() if n in _CALL_FIELDS}
            | {"id": ids.of_call(call.get("id"))}
            if isinstance(call, Mapping)
            else call
            for call in calls
        ]
    if message["role"] == "tool":
        message["tool_call_id"] = ids.of_result(message.get("tool_call_id"), "tool_call_id")
    return message


def _plain_parts(message: dict[str, Any]) -> dict[str, Any]:
    """Cache marks are Anthropic's: here a part with one is refused."""
    content = message.get("content")
    if isinstance(content, list) and any("cache_control" in mapping_of(part) for part in content):
        message["content"] = [
            {name: value for name, value in part.items() if name != "cache_control"}
            if isinstance(part, Mapping)
            else part
            for part in content
        ]
    return message
