"""Tools, their choice and the answer's form: the Responses interface's in the chat's terms."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.answers.unreadable import UnreadableRequest, list_at, object_at, text_at
from gateway.openai_responses.conversation import CUSTOM_ARGUMENT

_CUSTOM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {CUSTOM_ARGUMENT: {"type": "string"}},
    "required": [CUSTOM_ARGUMENT],
    "additionalProperties": False,
}


def chat_tools(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """The functions, and which of them are custom tools. Raises UnreadableRequest."""
    tools, custom = [], set()
    for number, given in enumerate(list_at(body.get("tools"), "tools")):
        place = f"tools.{number}"
        tool = object_at(given, place)
        name = ""
        match tool.get("type"):
            case "function":
                name = text_at(tool.get("name"), f"{place}.name")
                schema = object_at(tool.get("parameters") or {}, f"{place}.parameters")
            case "custom":
                name, schema = text_at(tool.get("name"), f"{place}.name"), _CUSTOM_SCHEMA
                custom.add(name)
            case kind:
                words = f"the hosted tool {repr(kind)[:60]} isn't served here: give a function"
                raise UnreadableRequest(f"{place}.type", words)
        optional = {"description": _description(tool), "strict": tool.get("strict")}
        given_fields = {field: value for field, value in optional.items() if value is not None}
        function = {"name": name, "parameters": schema, **given_fields}
        tools.append({"type": "function", "function": function})
    return tools, frozenset(custom)


def _description(tool: Mapping[str, Any]) -> str | None:
    """A custom tool's grammar is a part of what the model has to know."""
    description = tool.get("description")
    grammar = tool.get("format")
    if not isinstance(grammar, Mapping) or not isinstance(grammar.get("definition"), str):
        return description if isinstance(description, str) else None
    words = f"`{CUSTOM_ARGUMENT}` must satisfy this {grammar.get('syntax', 'grammar')} grammar:"
    return "\n\n".join([*([description] if description else ()), words, grammar["definition"]])


def chat_tool_choice(choice: object) -> "str | dict[str, Any]":
    """Raises UnreadableRequest."""
    if isinstance(choice, str):
        if choice in ("auto", "none", "required"):
            return choice
        raise UnreadableRequest("tool_choice", "must be auto, none, required or an object")
    given = object_at(choice, "tool_choice")
    match given.get("type"):
        case "function" | "custom":
            return _named(given, "tool_choice")
        case "allowed_tools":
            tools = list_at(given.get("tools"), "tool_choice.tools")
            named = [
                _named(object_at(tool, f"tool_choice.tools.{n}"), f"tool_choice.tools.{n}")
                for n, tool in enumerate(tools)
            ]
            allowed = {"mode": given.get("mode") or "auto", "tools": named}
            return {"type": "allowed_tools", "allowed_tools": allowed}
        case kind:
            raise UnreadableRequest("tool_choice.type", f"{repr(kind)[:60]} isn't served here")


def _named(tool: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": text_at(tool.get("name"), f"{place}.name")}}


def response_format(text: object) -> dict[str, Any] | None:
    """The chat's `response_format` of `text.format`. Raises UnreadableRequest."""
    form = object_at(object_at(text or {}, "text").get("format") or {}, "text.format")
    match form.get("type"):
        case None | "text":
            return None
        case "json_object":
            return {"type": "json_object"}
        case "json_schema":
            schema = {
                "name": text_at(form.get("name"), "text.format.name"),
                "schema": object_at(form.get("schema"), "text.format.schema"),
            }
            optional = {
                name: form[name] for name in ("strict", "description") if form.get(name) is not None
            }
            return {"type": "json_schema", "json_schema": {**schema, **optional}}
        case kind:
            raise UnreadableRequest("text.format.type", f"{repr(kind)[:60]} isn't served here")
