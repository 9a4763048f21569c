"""How is Claude, or a model behind Converse, to generate: randomness, stops, thinking, format?

What Anthropic's dialect and Bedrock's have in common in how they differ from OpenAI's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .parameters import Applied
from .provider import Call

JSON_IN_WORDS: Final = "Answer with one JSON object and nothing else: no prose, no code fence."
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768}
_BUDGETED: Final = re.compile(r"claude-(3-7|(opus|sonnet|haiku)-4(-[015])?(-2025|@|:|$))")
"""Models that think within a budget; later ones adapt it to an effort."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """None = the model's own default. temperature and top_p are never both set."""

    temperature: float | None
    top_p: float | None


def sampling(applied: Applied, *, thinks: bool) -> Sampling:
    """Randomness as Claude takes it: at most 1, one of the two, and none beside thinking."""
    temperature, top_p = applied.shaped.get("temperature"), applied.shaped.get("top_p")
    if thinks:
        for name in ("temperature", "top_p"):
            if name in applied.shaped:
                applied.warnings.append(f"{name} was dropped: not taken beside thinking")
        return Sampling(None, None)
    if temperature is None:
        return Sampling(None, top_p)
    if top_p is not None:
        applied.warnings.append("top_p was dropped: not taken beside temperature")
    if temperature > 1:
        applied.warnings.append("temperature was lowered to 1, the most that this provider takes")
    return Sampling(min(temperature, 1), None)


def stops(applied: Applied) -> list[str] | None:
    """The stop sequences; None when there are none. Claude refuses those of white space only."""
    told = applied.shaped.get("stop")
    given = [told] if isinstance(told, str) else told or []
    kept = [stop for stop in given if stop.strip()]
    if len(kept) < len(given):
        applied.warnings.append("stop: sequences of white space only were dropped")
    return kept or None


def thinking(call: Call, applied: Applied, limit: int) -> dict[str, Any]:
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
    if not _BUDGETED.search(call.deployment.wire_model or call.deployment.model):
        return {"thinking": {"type": "adaptive"}, "effort": _effort(effort)}
    budget = min(_BUDGETS.get(effort, 4096), limit - 1)
    if budget < _BUDGETS["minimal"]:
        applied.warnings.append("reasoning_effort was dropped: max_tokens leaves no room for it")
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def schema_of(applied: Applied) -> Mapping[str, Any] | None:
    """The `json_schema` of response_format, with its name; None when none is asked."""
    asked = applied.shaped.get("response_format") or {}
    if asked.get("type") != "json_schema":
        return None
    found: Mapping[str, Any] = asked.get("json_schema") or {}
    return found


def system_of(system: tuple[str, ...], applied: Applied) -> list[str]:
    """The system texts, with JSON mode in words: neither dialect has one without a schema."""
    asked = applied.shaped.get("response_format") or {}
    if asked.get("type") != "json_object":
        return list(system)
    applied.warnings.append("response_format json_object was put into the system prompt")
    return [*system, JSON_IN_WORDS]


def output_limit(call: Call) -> int:
    """Tokens of the answer at most: both dialects want it said, or have a low default."""
    body = call.body
    return body.max_completion_tokens or body.max_tokens or call.model.max_output


def _forces_tool(applied: Applied) -> bool:
    choice = applied.shaped.get("tool_choice")
    return choice == "required" or isinstance(choice, Mapping)


def _effort(effort: str) -> str:
    return "low" if effort == "minimal" else effort
