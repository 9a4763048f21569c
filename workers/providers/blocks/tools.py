"""Tools and the choice among them: OpenAI's functions, checked, for Anthropic and Bedrock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from workers.providers.base.parameters import AppliedParameters
from workers.providers.base.shapes import (
    UnsupportedContent,
    list_in,
    name_in,
    object_in,
    text_in,
)

_NO_INPUT: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    schema: Mapping[str, Any]
    optional: Mapping[str, Any]
    """`description` and `strict`, as far as they are told."""


@dataclass(frozen=True, slots=True)
class ModelChooses:
    """The model calls a tool or answers."""


@dataclass(frozen=True, slots=True)
class NoTool:
    """The model must not call any."""


@dataclass(frozen=True, slots=True)
class AnyTool:
    """The model must call one."""


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The model must call this one."""

    name: str


ToolChoice: TypeAlias = ModelChooses | NoTool | AnyTool | NamedTool


@dataclass(frozen=True, slots=True)
class ToolSet:
    """What a request says of tools; choice: None = the provider's default."""

    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None


def tools_of(applied: AppliedParameters) -> ToolSet:
    """The tools and the choice. Raises UnsupportedContent."""
    value = list_in(applied.shaped.get("tools"), "tools")
    tools = tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(value))
    choice = applied.shaped.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        return _allowed(choice, tools)
    return ToolSet(tools, _choice(choice, applied))


def _choice(  # noqa: PLR0911 - a case a choice
    value: object, applied: AppliedParameters
) -> ToolChoice | None:
    match value:
        case None:
            return None
        case "auto":
            return ModelChooses()
        case "none":
            return NoTool()
        case "required" | "any":
            return AnyTool()
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return NamedTool(name)
        case {"type": "auto" | "none" | "required" | "any" as kind}:  # as other dialects write it
            return _choice(kind, applied)
        case _:
            applied.warnings.append("tool_choice was dropped: not known in this dialect")
            return None


def _allowed(value: Mapping[str, Any], tools: tuple[Tool, ...]) -> ToolSet:
    """OpenAI's choice among some of the tools: neither dialect has it, so the others are left out.

    Newer clients put its fields into an object of their own.
    """
    place = "tool_choice.allowed_tools"
    fields = object_in(value.get("allowed_tools", value), place)
    names = set()
    for index, item in enumerate(list_in(fields.get("tools"), f"{place}.tools")):
        allowed = object_in(item, f"{place}.tools[{index}]")
        function = object_in(allowed.get("function", allowed), f"{place}.tools[{index}].function")
        names.add(name_in(function.get("name"), f"{place}.tools[{index}].function.name"))
    chosen = tuple(tool for tool in tools if tool.name in names)
    if not chosen:
        raise UnsupportedContent(f"{place}.tools names none of the tools")
    return ToolSet(chosen, AnyTool() if fields.get("mode") == "required" else ModelChooses())


def _tool(value: object, place: str) -> Tool:
    tool = object_in(value, place)
    if tool.get("type", "function") != "function":
        kind = repr(tool["type"])[:60]
        raise UnsupportedContent(f"{place}.type {kind} is not known here: only functions are")
    function = object_in(tool.get("function"), f"{place}.function")
    name = name_in(function.get("name"), f"{place}.function.name")
    schema = object_in(function.get("parameters") or _NO_INPUT, f"{place}.function.parameters")
    optional: dict[str, Any] = {}
    if function.get("description"):
        field = f"{place}.function.description"
        optional["description"] = text_in(function["description"], field)
    if function.get("strict"):
        if function["strict"] is not True:
            raise UnsupportedContent(f"{place}.function.strict must be true or false")
        optional["strict"] = True
    return Tool(name, schema if "type" in schema else {"type": "object", **schema}, optional)
