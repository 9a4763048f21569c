"""Messages request: as OpenAI's Chat Completions, which is what the contract carries."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.answers.dialect import DialectCall
from gateway.answers.field_types import (
    FLAG,
    NUMERIC,
    OBJECT,
    OBJECTS,
    TEXT,
    TEXTS,
    WHOLE,
    FieldTypes,
    check_types,
    either,
)
from gateway.answers.token_estimate import estimated_tokens
from gateway.answers.unreadable import (
    UnreadableRequest,
    list_at,
    object_at,
    text_at,
)
from gateway.anthropic_messages.conversation import chat_messages
from gateway.anthropic_messages.native import (
    both_fit,
    native_parts,
    without_native,
)
from gateway.errors.api_error import ApiError

_SAME: Final = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream")
_SHAPED: Final = frozenset(
    {
        *("messages", "system", "stop_sequences", "metadata", "tools", "tool_choice"),
        *("thinking", "output_config"),
    }
)
_TYPES: Final[FieldTypes] = {
    **dict.fromkeys(("model", "service_tier", "inference_geo"), TEXT),
    "stream": FLAG,
    **dict.fromkeys(("temperature", "top_p"), NUMERIC),
    **dict.fromkeys(("max_tokens", "top_k"), WHOLE),
    **dict.fromkeys(("metadata", "thinking", "tool_choice", "output_config"), OBJECT),
    "context_management": OBJECT,
    **dict.fromkeys(("messages", "tools"), OBJECTS),
    "system": either(TEXT, OBJECTS),
    "stop_sequences": TEXTS,
    "container": either(TEXT, OBJECT),
}
_EFFORTS: Final = ("low", "medium", "high")
_LOW_BUDGET: Final = 4_096
_MEDIUM_BUDGET: Final = 16_384
"""Tokens of thinking up to which an effort is called low, medium."""


def read_messages_request(
    body: Mapping[str, Any], *, counting: bool = False, betas: str | None = None
) -> DialectCall | ApiError:
    """The call. counting: only its tokens are asked for, so nothing needs to be generated."""
    try:
        return _read(body, counting=counting, betas=betas)
    except UnreadableRequest as problem:
        return ApiError("invalid_request", "invalid_request", str(problem), problem.param)


def _read(body: Mapping[str, Any], *, counting: bool, betas: str | None) -> DialectCall:
    check_types(body, _TYPES)
    if not counting and body.get("max_tokens") is None:
        raise UnreadableRequest("max_tokens", "is required")
    model = text_at(body.get("model"), "model")
    given = {name: value for name, value in body.items() if value is not None}
    whole, body = given, without_native(body)
    chat: dict[str, Any] = {name: given[name] for name in _SAME if name in given}
    chat |= {"messages": chat_messages(body), **_thinking(body)}
    chat |= _tools(body, server_tools=bool(given.get("tools")))
    if stops := list_at(body.get("stop_sequences"), "stop_sequences"):
        chat["stop"] = stops
    user = object_at(body.get("metadata") or {}, "metadata").get("user_id")
    if user is not None:
        chat["user"] = text_at(user, "metadata.user_id")
    warnings = _carried(whole, chat, betas)
    if _thinks(body) and body["thinking"].get("display") is not None:
        warnings += ("thinking.display was dropped: thoughts come as the model tells them",)
    return DialectCall(
        body=chat,
        model=model,
        stream=bool(body.get("stream")),
        thoughts=_thinks(body),
        input_tokens=estimated_tokens(body),
        warnings=warnings,
    )


def _carried(whole: Mapping[str, Any], chat: dict[str, Any], betas: str | None) -> tuple[str, ...]:
    """Puts beside the chat what deployments of Anthropic's interface need; the warnings."""
    unknown = {name: v for name, v in whole.items() if name not in _SHAPED and name not in _SAME}
    native = native_parts(whole, unknown, betas)
    if native is None:
        return ()
    if not native.alters and not both_fit(chat, native):
        return ("cache_control was dropped: the request is too large to carry it",)
    chat["anthropic"] = native.fields
    return ()


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking = object_at(body.get("thinking") or {"type": "disabled"}, "thinking")
    if thinking.get("type") not in ("enabled", "adaptive", "disabled"):
        raise UnreadableRequest("thinking.type", "must be enabled, adaptive or disabled")
    return bool(thinking["type"] != "disabled")


def _thinking(body: Mapping[str, Any]) -> dict[str, Any]:
    """Effort and the form of the answer."""
    config = object_at(body.get("output_config") or {}, "output_config")
    chat: dict[str, Any] = {}
    effort = config.get("effort")
    if effort is not None:
        # Anthropic knows efforts above OpenAI's highest
        chat["reasoning_effort"] = effort if effort in _EFFORTS else "high"
    elif _thinks(body):
        chat["reasoning_effort"] = _effort(body["thinking"].get("budget_tokens"))
    if config.get("format") is not None:
        form = object_at(config["format"], "output_config.format")
        if form.get("type") != "json_schema":
            raise UnreadableRequest("output_config.format.type", "must be json_schema")
        schema = {"name": "answer", "schema": form.get("schema"), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat


def _effort(budget: object) -> str:
    if not isinstance(budget, int):
        return "medium"
    if budget <= _LOW_BUDGET:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET else "high"


def _tools(body: Mapping[str, Any], *, server_tools: bool) -> dict[str, Any]:
    """server_tools: whether there are others, which have no place in the chat."""
    tools = [_tool(n, tool) for n, tool in enumerate(list_at(body.get("tools"), "tools"))]
    chat: dict[str, Any] = {"tools": tools} if tools else {}
    choice = object_at(body.get("tool_choice") or {"type": "auto"}, "tool_choice")
    if not tools and choice.get("type") in ("any", "tool") and not server_tools:
        raise UnreadableRequest("tool_choice", "needs `tools`")
    if body.get("tool_choice") is None or not tools:
        return chat
    match choice.get("type"):
        case "auto" | "none" as kind:
            chat["tool_choice"] = kind
        case "any":
            chat["tool_choice"] = "required"
        case "tool":
            function = {"name": text_at(choice.get("name"), "tool_choice.name")}
            chat["tool_choice"] = {"type": "function", "function": function}
        case _:
            raise UnreadableRequest("tool_choice.type", "must be auto, any, tool or none")
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    return chat


def _tool(number: int, told: object) -> dict[str, Any]:
    place = f"tools.{number}"
    tool = object_at(told, place)
    if tool.get("type") not in (None, "custom"):
        kind = str(tool["type"])[:60]
        raise UnreadableRequest(f"{place}.type", f"the server tool {kind!r} isn't served here")
    function = {
        "name": text_at(tool.get("name"), f"{place}.name"),
        "parameters": object_at(tool.get("input_schema"), f"{place}.input_schema"),
    }
    optional = {
        name: tool[name] for name in ("description", "strict") if tool.get(name) is not None
    }
    return {"type": "function", "function": {**function, **optional}}
