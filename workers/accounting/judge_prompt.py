"""How is an answer judged by a model? The call itself is the caller's."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from observability.grounding.groundedness import GroundednessVerdict, judge_prompt, read_verdict
from observability.metrics.registry import MetricsRegistry

AskModel: TypeAlias = Callable[[list[dict[str, str]]], Awaitable[str | None]]
"""Sends messages to an economy-tier model; its text, or None when there is no answer."""


@dataclass(frozen=True, slots=True)
class GroundednessJudge:
    """Who asks, and where what is said is counted."""

    ask: AskModel
    metrics: MetricsRegistry

    async def look_at(self, model: str, context: str, answer: str) -> GroundednessVerdict | None:
        """None when the judge gave nothing that can be read. model: that gave the answer."""
        reply = await self.ask(judge_prompt(context, answer))
        verdict = None if reply is None else read_verdict(reply, answer)
        if verdict is not None:
            said = "supported" if verdict.supported else "unsupported"
            self.metrics.count("switchgear_groundedness_checks_total", model, "judge", said)
        return verdict
