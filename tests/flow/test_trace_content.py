"""Prompts and answers are in the spans if the operator wants them, and nowhere in them if not."""

import json
from typing import Any

import pytest

from observability.tracing.semconv import FINISH_REASONS, INPUT_MESSAGES, OUTPUT_MESSAGES
from observability.tracing.tracer import TracingSettings
from producers.contract import Done, Failed
from tests.fakes import Script, fails, streams
from tests.flow.stage import Stage, ask, playing
from tests.seen_spans import said
from workers.providers.base.call_outcome import RequestRejected, ServerError

PROMPT = "What is the planted question?"
SHOWN = TracingSettings(sample_ratio=1, content=True)
HIDDEN = TracingSettings(sample_ratio=1)


def text(role: str, content: str, **more: str) -> list[dict[str, Any]]:
    return [{"role": role, **more, "parts": [{"type": "text", "content": content}]}]


async def traced(stage: Stage, hops: int = 1) -> None:
    """So many servings are in the trace store: a hop ends after its reply is out."""
    await stage.broker.until(lambda: len(stage.seen.all("serve ")) >= hops)


@pytest.mark.parametrize("stream", [False, True])
async def test_each_attempt_shows_what_was_asked_and_answered(*, stream: bool) -> None:
    scripts: dict[str, Script] = {"eco-a": fails(ServerError(message="it broke", status=500))}
    if stream:
        scripts["eco-b"] = streams("4", "2")
    async with playing(scripts, tracing=SHOWN) as stage:
        parts = [part async for part in stage.client.stream(ask(PROMPT, stream=stream))]
        assert isinstance(parts[-1], Done)
        await traced(stage)
        failed, answered = (said(stage.seen.named(f"chat {name}")) for name in ("eco-a", "eco-b"))
        for attempt in (failed, answered):
            assert json.loads(str(attempt[INPUT_MESSAGES])) == text("user", PROMPT)
        assert OUTPUT_MESSAGES not in failed
        told = json.loads(str(answered[OUTPUT_MESSAGES]))
        assert told == text("assistant", "42", finish_reason="stop")
        assert answered[FINISH_REASONS] == ("stop",)


async def test_a_hit_shows_what_it_answered() -> None:
    async with playing(tracing=SHOWN) as stage:
        await stage.client.submit(ask(PROMPT))
        await stage.broker.until(lambda: bool(stage.answers.kept))
        await stage.client.submit(ask(PROMPT))
        await traced(stage, 2)
        missed, hit = (said(span) for span in stage.seen.all("cache lookup"))
        assert OUTPUT_MESSAGES not in missed
        told = json.loads(str(hit[OUTPUT_MESSAGES]))
        assert told == text("assistant", "42", finish_reason="stop")


@pytest.mark.parametrize("stream", [False, True])
async def test_by_default_no_span_holds_any_of_it(*, stream: bool) -> None:
    answer = "The planted answer."
    quoted = fails(RequestRejected(message=f"the prompt {PROMPT!r} is refused", status=400))
    async with playing({"eco-a": streams(answer), "std": quoted}, tracing=HIDDEN) as stage:
        first = [part async for part in stage.client.stream(ask(PROMPT, stream=True))][-1]
        assert isinstance(first, Done)
        await stage.broker.until(lambda: bool(stage.answers.kept))
        again = [part async for part in stage.client.stream(ask(PROMPT, stream=stream))][-1]
        assert isinstance(again, Done)
        refused = await stage.client.submit(ask(f"{PROMPT} now", model="standard"))
        assert isinstance(refused, Failed)
        await traced(stage, 3)
        for planted in ("planted", PROMPT, answer):
            assert planted not in stage.seen.text()
