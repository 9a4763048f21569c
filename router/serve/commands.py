"""What would the router do with this prompt? The commands that need no Kafka.

`explain` shows one decision in full, `classify` judges a file of prompts.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from producers.contract import Request, Route
from router.decide import policy, success_model
from router.decide.caller_overrides import RouteRejected
from router.decide.success_model import Scores
from router.decide.tier_candidates import RoutingConfig
from router.text import features
from router.text.features import Features

_SIZES: Final = (
    "tokens",
    "question_tokens",
    "context_tokens",
    "output_tokens",
    "turns",
    "constraints",
    "pleas",
)


def explain_request(
    request: Request, basis: RoutingConfig
) -> tuple[Features, Scores, Route | RouteRejected]:
    """Everything the router thinks of `request`."""
    found = features.extract_features(request)
    scores = success_model.score_features(found, basis.model)
    return found, scores, policy.choose_route(request, found, scores, basis)


def show_explanation(
    console: Console, found: Features, scores: Scores, route: Route | RouteRejected
) -> None:
    """The explanation as tables for a person."""
    languages = "/".join(found.languages) or "unknown language"
    sizes = ", ".join(f"{name} {getattr(found, name)}" for name in _SIZES if getattr(found, name))
    console.print(f"[bold]task[/] {found.declared_task or found.task} ({languages})")
    console.print(f"[bold]sizes[/] {sizes}")
    console.print(f"[bold]need[/] {scores.need:.2f}: {scores.reason}")
    if isinstance(route, RouteRejected):
        console.print(f"[bold red]rejected[/] {route.code}: {route.message}")
        return
    console.print(_table(route))
    zone = f" in zone {route.zone}" if route.zone else ""
    console.print(f"[bold green]{route.tier}[/]{zone}{' (cascade)' if route.cascade else ''}")
    for reason in route.reasons:
        console.print(f"  · {reason}")


def _table(route: Route) -> Table:
    table = Table("tier", "success", "cost, USD", "against it")
    for candidate in route.candidates:
        cost = candidate.cost_micro_usd
        table.add_row(
            candidate.tier,
            "?" if candidate.success is None else f"{candidate.success:.0%}",
            "unpriced" if cost is None else f"{cost / 1_000_000:.6f}",
            candidate.rejected or "",
        )
    return table


def classify_lines(lines: Iterable[str], basis: RoutingConfig) -> Iterator[str]:
    """Each line with `score` (0..1: how much the strong model is needed), `tier` and `reason`.

    A line that is no prompt gets `error` in their place: one bad line doesn't end the run.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield json.dumps(_classified(number, line, basis), ensure_ascii=False)


def _classified(number: int, line: str, basis: RoutingConfig) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            return {"error": f"line {number}: not a JSON object"}
        request = request_of(row.get("prompt"))
    except (json.JSONDecodeError, ValidationError, TypeError) as error:
        return {"error": f"line {number}: {str(error).splitlines()[0]}"}
    _, scores, route = explain_request(request, basis)
    return {**row, "score": round(scores.need, 6), **_verdict(route)}


def _verdict(route: Route | RouteRejected) -> dict[str, str | None]:
    match route:
        case Route():
            return {"tier": route.tier, "reason": "; ".join(route.reasons)}
        case RouteRejected():
            return {"tier": None, "reason": f"{route.code}: {route.message}"}


def as_json(found: Features, scores: Scores, route: Route | RouteRejected) -> dict[str, Any]:
    """The explanation for a program."""
    decision = route.model_dump(mode="json") if isinstance(route, Route) else asdict(route)
    known = asdict(found) | {"needs": sorted(found.needs)}
    return {"features": known, "need": scores.need, "reason": scores.reason, "decision": decision}


def request_of(prompt: object, tenant: str = "explain", **routing: object) -> Request:
    """A request around a prompt: a text, a list of user turns, or a list of chat messages.

    Raises TypeError when it is none of these.
    """
    body = {"messages": list(_messages(prompt)) or [{"role": "user", "content": ""}]}
    return Request.model_validate(
        {"id": "explain", "tenant": tenant, "body": body, "routing": routing}
    )


def _messages(prompt: object) -> Iterator[dict[str, Any]]:
    if isinstance(prompt, str):
        yield {"role": "user", "content": prompt}
        return
    if not isinstance(prompt, list):
        raise TypeError('"prompt" must be a text, a list of texts or a list of messages')
    for turn in prompt:
        if isinstance(turn, Mapping) and "role" in turn:
            yield dict(turn)
        else:
            yield {"role": "user", "content": str(turn)}
