"""Live traffic before and after a promotion: what do callers pay, and how often is it right?"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bench.evaluation.installation import Installation, switchgear
from bench.evaluation.tickets import SYSTEM, Ticket, script_line
from observability.reports.wilson import wilson
from producers import ClientSettings, RouterClient, chat
from producers.contract import Done, answer_text

_AT_ONCE: Final = 32
_TAKEN_OVER_S: Final = 60.0
_LONGEST_S: Final = 120.0


def live_traffic(
    running: Installation, folder: Path, evaluation: str, asked: Sequence[Ticket]
) -> dict[str, Any]:
    """Half of the tickets before `evaluate promote --apply`, half after; nobody names a model."""
    running.simulator.control(script=[script_line(each) for each in asked])
    half = len(asked) // 2
    before = asyncio.run(_answered(running, asked[:half]))
    promote = ("promote", evaluation, "--apply", "--folder", str(folder))
    diff = switchgear(running.environment, "evaluate", *promote)
    print(diff, flush=True)
    ends = time.monotonic() + _TAKEN_OVER_S
    serving = before["served by"]
    while serving == before["served by"] and time.monotonic() < ends:
        serving = asyncio.run(_answered(running, asked[half : half + 1]))["served by"]
    return {"before": before, "after": asyncio.run(_answered(running, asked[half:]))}


async def _answered(running: Installation, tickets: Sequence[Ticket]) -> dict[str, Any]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(client: RouterClient, ticket: Ticket) -> tuple[Done, bool]:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ticket.text}]
        routing = {"task": "classification", "cache": {"mode": "no-cache"}}
        request = chat(messages, tenant="default", max_tokens=16, routing=routing)
        async with turns:
            reply = await client.submit(request, timeout=_LONGEST_S)
        if not isinstance(reply, Done):
            raise SystemExit(f"{ticket.id}: {reply}")
        return reply, answer_text(reply.body) == ticket.label

    async with RouterClient.connect(
        ClientSettings(kafka=running.environment["SWITCHGEAR_KAFKA"])
    ) as client:
        replies = await asyncio.gather(*(ask(client, ticket) for ticket in tickets))
    right = sum(good for _, good in replies)
    rate = wilson(right, len(replies))
    cost, baseline = Decimal(0), Decimal(0)
    for done, _ in replies:
        cost += done.cost_micro_usd or 0
        baseline += done.baseline_micro_usd or 0
    return {
        "tickets": len(replies),
        "served by": dict(Counter(done.route.model for done, _ in replies)),
        "right": round(right / len(replies), 4),
        "interval": [round(rate.low, 4), round(rate.high, 4)],
        "cost_usd": round(float(cost / 1_000_000), 6),
        "baseline_usd": round(float(baseline / 1_000_000), 6),
        "saved": round(1 - float(cost / baseline), 4) if baseline else None,
    }
