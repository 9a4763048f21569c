"""Generation settings of Claude, or a model behind Converse: randomness, stops, thinking, format.

What Anthropic's dialect and Bedrock's have in common in how they differ from OpenAI's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workers.providers.base.parameters import AppliedParameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.shapes import list_in, number_in, object_in, text_in
from workers.providers.blocks.conversation import Conversation
from workers.providers.blocks.json_schema import claude_schema
from workers.providers.blocks.parts import RedactedThinking, Thinking, ToolResult, ToolUse
from workers.providers.blocks.tools import AnyTool, NamedTool, ToolChoice

JSON_IN_WORDS: Final = "Answer with one JSON object and nothing else: no prose, no code fence."
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768}
_BUDGETED: Final = re.compile(r"claude-(3-7|(opus|sonnet|haiku)-4(-[015])?(-2025|@|:|$))")
"""Models that think within a budget; later ones adapt it to an effort."""

_SAMPLES: Final = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[01456])?(-2025|@|:|$))")
"""Claude models that take temperature, top_p or top_k; from 4.7 on there is none that does."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """None = the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    """How the model is to think: not at all, within a budget, or as much as an effort says."""

    field: Mapping[str, Any] | None = None
    """The `thinking` field on the wire."""

    effort: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The JSON schema that the answer must satisfy, with the name that Bedrock wants to see."""

    schema: Mapping[str, Any]
    labels: Mapping[str, str]
    """`name` and `description`, as far as they are told."""


@dataclass(frozen=True, slots=True)
class Generation:
    """All of it."""

    limit: int
    """Tokens of the answer at most: both dialects want it said, or have a low default."""

    sampling: Sampling
    stops: list[str] | None
    thinking: ThinkingPlan
    schema: AnswerSchema | None


def generation_of(
    request: ProviderRequest,
    applied: AppliedParameters,
    chat: Conversation,
    choice: ToolChoice | None,
) -> Generation:
    """The settings; what isn't taken leaves a warning. Raises UnsupportedContent."""
    limit = request.body.max_completion_tokens or request.body.max_tokens
    limit = limit or request.model.max_output
    plan = _thinking(request, applied, limit, chat, choice)
    return Generation(
        limit=limit,
        sampling=_sampling(request, applied, thinks=plan.field is not None),
        stops=_stops(applied),
        thinking=plan,
        schema=_schema(applied),
    )


def wire_model(request: ProviderRequest) -> str:
    """The model's name on the wire."""
    return request.deployment.wire_model or request.deployment.model


def system_of(system: tuple[str, ...], applied: AppliedParameters) -> list[str]:
    """The system texts, with JSON mode in words: neither dialect has one without a schema."""
    kind = (applied.shaped.get("response_format") or {}).get("type")
    if kind in (None, "text", "json_schema"):
        return list(system)
    if kind != "json_object":
        applied.warnings.append("response_format was dropped: its type is not known here")
        return list(system)
    applied.warnings.append("response_format json_object was put into the system prompt")
    return [*system, JSON_IN_WORDS]


def _sampling(request: ProviderRequest, applied: AppliedParameters, *, thinks: bool) -> Sampling:
    names = ("temperature", "top_p", "top_k")
    values = {name: number_in(applied.shaped.get(name), name) for name in names}
    if "claude" in wire_model(request):
        for name, why in _not_taken(request, values, thinks=thinks):
            applied.warnings.append(f"{name} was dropped: {why}")
            values[name] = None
    temperature = values["temperature"]
    if temperature is not None and temperature > 1:
        applied.warnings.append("temperature was lowered to 1, the most that this provider takes")
        values["temperature"] = 1
    return Sampling(**values)


def _not_taken(
    request: ProviderRequest, values: Mapping[str, Any], *, thinks: bool
) -> list[tuple[str, str]]:
    """(name, why) of each sampling parameter that Claude would answer with 400."""
    names = [name for name, value in values.items() if value is not None]
    if not _SAMPLES.search(wire_model(request)):
        return [(name, "this model takes no sampling parameters") for name in names]
    if thinks:
        return [(name, "not taken beside thinking") for name in names]
    both = "temperature" in names and "top_p" in names
    return [("top_p", "not taken beside temperature")] if both else []


def _stops(applied: AppliedParameters) -> list[str] | None:
    """The stop sequences; None when there are none. Claude refuses those of white space only."""
    value = applied.shaped.get("stop")
    given = [value] if isinstance(value, str) else list_in(value, "stop")
    texts = [text_in(stop, f"stop[{index}]") for index, stop in enumerate(given)]
    stops = [stop for stop in texts if stop.strip()]
    if len(stops) < len(texts):
        applied.warnings.append("stop: sequences of white space only were dropped")
    return stops or None


def _thinking(
    request: ProviderRequest,
    applied: AppliedParameters,
    limit: int,
    chat: Conversation,
    choice: ToolChoice | None,
) -> ThinkingPlan:
    effort = applied.shaped.get("reasoning_effort")
    if effort is None or text_in(effort, "reasoning_effort") == "none":
        return ThinkingPlan()
    budgeted = _BUDGETED.search(wire_model(request)) is not None
    budget = min(_BUDGETS.get(effort, 4096), limit - 1)
    why = None
    if "reasoning" not in request.model.capabilities:
        why = "the model does not reason"
    elif isinstance(choice, AnyTool | NamedTool):
        why = "not taken beside a forced tool call"
    elif budgeted and budget < _BUDGETS["minimal"]:
        why = "max_tokens leaves no room for it"
    elif budgeted and _awaits_thoughts(chat):
        why = "the tool calls before came without the model's own thoughts"
    if why is not None:
        applied.warnings.append(f"reasoning_effort was dropped: {why}")
        return ThinkingPlan()
    if budgeted:
        return ThinkingPlan({"type": "enabled", "budget_tokens": budget})
    return ThinkingPlan({"type": "adaptive"}, "low" if effort == "minimal" else effort)


def _awaits_thoughts(chat: Conversation) -> bool:
    """Whether Claude would miss its thoughts: in a loop of tool calls it wants them back.

    A loop that another provider began has none, and Claude answers it with 400 when it is to think.
    """
    if len(chat.turns) < 2 or not isinstance(chat.turns[-1].parts[0], ToolResult):  # noqa: PLR2004 - a call, a result
        return False
    turn = chat.turns[-2]
    called = any(isinstance(part, ToolUse) for part in turn.parts)
    return called and not isinstance(turn.parts[0], Thinking | RedactedThinking)


def _schema(applied: AppliedParameters) -> AnswerSchema | None:
    """The `json_schema` of response_format; None when none is asked."""
    form = applied.shaped.get("response_format") or {}
    if form.get("type") != "json_schema":
        return None
    place = "response_format.json_schema"
    value = object_in(form.get("json_schema") or {}, place)
    schema = claude_schema(
        object_in(value.get("schema") or {}, f"{place}.schema"), f"{place}.schema"
    )
    if schema.moved:
        names = ", ".join(sorted(schema.moved)[:10])
        applied.warnings.append(f"response_format: {names} became words, this provider has no such")
    labels = {
        name: text_in(value[name], f"{place}.{name}")
        for name in ("name", "description")
        if value.get(name)
    }
    return AnswerSchema(schema.schema, labels)
