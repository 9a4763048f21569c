"""Thirty requests as backends send them: what a swap of the provider must not break."""

from typing import Any, Final

_PIXEL: Final = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
_TICKET: Final = {
    "type": "object",
    "properties": {"team": {"enum": ["billing", "support"]}, "urgent": {"type": "boolean"}},
    "required": ["team", "urgent"],
    "additionalProperties": False,
}
_ORDER: Final = {
    "type": "object",
    "properties": {"order": {"type": "string"}},
    "required": ["order"],
}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": _ORDER}}


def _called(name: str, call_id: str) -> dict[str, Any]:
    function = {"name": name, "arguments": '{"order":"A-17"}'}
    call = {"id": call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _result(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


_SUPPORT: Final = _system("You answer customers of a bookshop, in two sentences at the most.")
_ASK_ORDER: Final = _user("Where is my order A-17?")
_SCHEMA: Final = {
    "type": "json_schema",
    "json_schema": {"name": "ticket", "schema": _TICKET, "strict": True},
}
_PICTURE: Final = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is in the picture?"},
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{_PIXEL}"}},
    ],
}

PLAIN: Final[list[dict[str, Any]]] = [
    {"messages": [_user(text)]}
    for text in (
        "What is a consumer group?",
        "Translate 'good morning' into German.",
        "Write a haiku about queues.",
        "Was ist eine Warteschlange?",
        "Résume cette phrase: la file est pleine.",
        "Name three uses of Redis.",
    )
]
SYSTEM: Final[list[dict[str, Any]]] = [
    {"messages": [_SUPPORT, _user(text)], "temperature": 0.2, "max_tokens": 200}
    for text in ("Do you ship to Ulm?", "My book is damaged.", "Kann ich umtauschen?", "Thanks!")
]
TURNS: Final[list[dict[str, Any]]] = [
    {"messages": [_SUPPORT, _user("Hello"), _said("Hello! How can I help?"), _user(text)]}
    for text in ("Do you sell maps?", "And atlases?", "What do they cost?", "I'll take two.")
]
TOOLS: Final[list[dict[str, Any]]] = [
    {"messages": [_SUPPORT, _ASK_ORDER], "tools": [_tool("find_order")]},
    {"messages": [_ASK_ORDER], "tools": [_tool("find_order")], "tool_choice": "required"},
    {
        "messages": [_ASK_ORDER],
        "tools": [_tool("cancel"), _tool("find_order")],
        "tool_choice": {"type": "function", "function": {"name": "find_order"}},
    },
    {"messages": [_ASK_ORDER], "tools": [_tool("find_order")], "parallel_tool_calls": False},
]
RESULTS: Final[list[dict[str, Any]]] = [
    {
        "messages": [_ASK_ORDER, _called("find_order", call_id), _result(call_id, "On its way.")],
        "tools": [_tool("find_order")],
    }
    for call_id in ("call_OpenAIs0wnF0rm", "toolu_01Anthropic", "tooluse_bedrock-1", "abcDEF123")
]
FORMATS: Final[list[dict[str, Any]]] = [
    {"messages": [_system("Sort the ticket."), _user(text)], "response_format": _SCHEMA}
    for text in ("I was charged twice!", "How do I log in?", "Refund please.", "It's on fire.")
]
REST: Final[list[dict[str, Any]]] = [
    {"messages": [_PICTURE]},
    {"messages": [_user("Count to ten.")], "stop": ["five"], "seed": 1},
    {"messages": [_user("A long story.")], "max_completion_tokens": 16},
    {"messages": [{"role": "developer", "content": "Be kind."}, _user("Hello")], "user": "u-1"},
]
ALL: Final = [*PLAIN, *SYSTEM, *TURNS, *TOOLS, *RESULTS, *FORMATS, *REST]
