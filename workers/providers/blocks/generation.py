"""How is Claude, or a model behind Converse, to generate: randomness, stops, thinking, format?

What Anthropic's dialect and Bedrock's have in common in how they differ from OpenAI's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workers.providers.base.parameters import AppliedParameters
from workers.providers.base.provider_request import ProviderRequest

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
    top_k: int | None = None


def sampling(call: ProviderRequest, applied: AppliedParameters, *, thinks: bool) -> Sampling:
    """Randomness as the model takes it; what it doesn't take is dropped with a warning."""
    told = {name: applied.shaped.get(name) for name in ("temperature", "top_p", "top_k")}
    if "claude" in wire_model(call):
        for name, why in _not_taken(call, told, thinks=thinks):
            applied.warnings.append(f"{name} was dropped: {why}")
            told[name] = None
    temperature = told["temperature"]
    if temperature is not None and temperature > 1:
        applied.warnings.append("temperature was lowered to 1, the most that this provider takes")
        told["temperature"] = 1
    return Sampling(**told)


def _not_taken(
    call: ProviderRequest, told: Mapping[str, Any], *, thinks: bool
) -> list[tuple[str, str]]:
    """(name, why) of each sampling parameter that Claude would answer with 400."""
    asked = [name for name, value in told.items() if value is not None]
    if not _SAMPLES.search(wire_model(call)):
        return [(name, "this model takes no sampling parameters") for name in asked]
    if thinks:
        return [(name, "not taken beside thinking") for name in asked]
    both = "temperature" in asked and "top_p" in asked
    return [("top_p", "not taken beside temperature")] if both else []


def wire_model(call: ProviderRequest) -> str:
    """The model's name on the wire."""
    return call.deployment.wire_model or call.deployment.model


def stops(applied: AppliedParameters) -> list[str] | None:
    """The stop sequences; None when there are none. Claude refuses those of white space only."""
    told = applied.shaped.get("stop")
    given = [told] if isinstance(told, str) else told or []
    kept = [stop for stop in given if stop.strip()]
    if len(kept) < len(given):
        applied.warnings.append("stop: sequences of white space only were dropped")
    return kept or None


def thinking(call: ProviderRequest, applied: AppliedParameters, limit: int) -> dict[str, Any]:
    """The `thinking` field, and `effort` where the model adapts; empty when it is not to think."""
    effort = applied.shaped.get("reasoning_effort")
    if effort is None or effort == "none":
        return {}
    if "reasoning" not in call.model.capabilities:
        applied.warnings.append("reasoning_effort was dropped: the model does not reason")
        return {}
    if _forces_tool(applied):
        applied.warnings.append("reasoning_effort was dropped: not taken beside a forced tool call")
        return {}
    if not _BUDGETED.search(wire_model(call)):
        return {"thinking": {"type": "adaptive"}, "effort": _effort(effort)}
    budget = min(_BUDGETS.get(effort, 4096), limit - 1)
    if budget < _BUDGETS["minimal"]:
        applied.warnings.append("reasoning_effort was dropped: max_tokens leaves no room for it")
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def schema_of(applied: AppliedParameters) -> Mapping[str, Any] | None:
    """The `json_schema` of response_format, with its name; None when none is asked."""
    asked = applied.shaped.get("response_format") or {}
    if asked.get("type") != "json_schema":
        return None
    found: Mapping[str, Any] = asked.get("json_schema") or {}
    return found


def system_of(system: tuple[str, ...], applied: AppliedParameters) -> list[str]:
    """The system texts, with JSON mode in words: neither dialect has one without a schema."""
    asked = applied.shaped.get("response_format") or {}
    if asked.get("type") != "json_object":
        return list(system)
    applied.warnings.append("response_format json_object was put into the system prompt")
    return [*system, JSON_IN_WORDS]


def output_limit(call: ProviderRequest) -> int:
    """Tokens of the answer at most: both dialects want it said, or have a low default."""
    body = call.body
    return body.max_completion_tokens or body.max_tokens or call.model.max_output


def _forces_tool(applied: AppliedParameters) -> bool:
    choice = applied.shaped.get("tool_choice")
    return choice == "required" or isinstance(choice, Mapping)


def _effort(effort: str) -> str:
    return "low" if effort == "minimal" else effort
