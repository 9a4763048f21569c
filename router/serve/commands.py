"""Router commands without Kafka: explain one decision, classify a file of prompts, learn profiles.

`explain_request`, `classified_prompts` and `learned_profiles` return data; the functions named
`…_table`, `…_json` and `…_yaml` render it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from observability.price_lists import load_price_book
from observability.terminal import cell, readable_json
from producers.contract import Request, Route, Routing
from router.decide import policy, success_model
from router.decide.caller_overrides import RouteRejected
from router.decide.success_model import Scores
from router.decide.task_profiles import learn_profiles, read_outcomes
from router.decide.tier_candidates import RoutingConfig
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.text import features
from router.text.features import Features
from runtime.config.config_file import read_config
from runtime.config.pricing import Pricing
from runtime.config.sections.policy import TaskProfile

_NO_DEMANDS: Final = Routing()
_SIZES: Final = (
    "tokens",
    "question_tokens",
    "context_tokens",
    "output_tokens",
    "turns",
    "constraints",
    "pleas",
)

# -------------------------------------------------------------------------------------- the data


@dataclass(frozen=True, slots=True)
class RouteExplanation:
    """One decision with everything behind it."""

    features: Features
    scores: Scores
    decision: Route | RouteRejected


@dataclass(frozen=True, slots=True)
class ClassifiedPrompt:
    """A line of a file of prompts, judged."""

    row: Mapping[str, Any]
    """The line as it came."""

    score: float
    """How much the strongest tier is needed, 0..1."""

    tier: str | None
    """None: the request would be refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnreadablePrompt:
    """A line that is no prompt; `error` says which and why."""

    error: str


def load_routing_config(path: Path) -> RoutingConfig:
    """What decisions rest on, of a `switchgear.yaml`. Raises ConfigError, ValueError, OSError."""
    catalog = read_config(path)
    return routing_config(catalog, Pricing(load_price_book()), default_model())


def explain_request(request: Request, config: RoutingConfig) -> RouteExplanation:
    """The decision that the router would take now, of a tenant whose budget is untouched."""
    extracted = features.extract_features(request)
    scores = success_model.score_features(extracted, config.model)
    return RouteExplanation(
        extracted, scores, policy.choose_route(request, extracted, scores, config)
    )


def request_to_explain(
    prompt: object, tenant: str = "explain", routing: Routing = _NO_DEMANDS
) -> Request:
    """A request around a prompt: a text, a list of user turns, or a list of chat messages.

    Raises TypeError when it is none of these, ValidationError for a message without a known role.
    """
    messages = list(_messages(prompt)) or [{"role": "user", "content": ""}]
    return Request.model_validate(
        {"id": "explain", "tenant": tenant, "body": {"messages": messages}, "routing": routing}
    )


def classified_prompts(
    lines: Iterable[str], config: RoutingConfig
) -> Iterator[ClassifiedPrompt | UnreadablePrompt]:
    """Each JSON line `{"prompt": …}` judged, in order; one bad line doesn't end the run."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _classified(number, line, config)


def learned_profiles(outcomes: Path) -> dict[str, TaskProfile]:
    """The profiles that recorded outcomes speak for, by task. Raises BadRecord, OSError."""
    with outcomes.open(encoding="utf-8") as lines:
        return learn_profiles(read_outcomes(lines))


def _classified(
    number: int, line: str, config: RoutingConfig
) -> ClassifiedPrompt | UnreadablePrompt:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            return UnreadablePrompt(f"line {number}: not a JSON object")
        request = request_to_explain(row.get("prompt"))
    except (ValueError, ValidationError, TypeError, RecursionError) as error:
        return UnreadablePrompt(f"line {number}: {str(error).splitlines()[0]}")
    explanation = explain_request(request, config)
    score = round(explanation.scores.need, 6)
    match explanation.decision:
        case Route() as route:
            return ClassifiedPrompt(row, score, route.tier, "; ".join(route.reasons))
        case RouteRejected(code=code, message=message):
            return ClassifiedPrompt(row, score, None, f"{code}: {message}")


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


# --------------------------------------------------------------------------------- its rendering


def explanation_table(explanation: RouteExplanation) -> Group:
    """The explanation for a person."""
    extracted, scores = explanation.features, explanation.scores
    task = extracted.declared_task or extracted.task
    languages = "/".join(extracted.languages) or "unknown language"
    sizes = ((name, getattr(extracted, name)) for name in _SIZES)
    head = (
        _labelled("task", "bold", f"{task} ({languages})"),
        _labelled("sizes", "bold", ", ".join(f"{name} {size}" for name, size in sizes if size)),
        _labelled("need", "bold", f"{scores.need:.2f}: {scores.reason}"),
    )
    match explanation.decision:
        case RouteRejected(code=code, message=message):
            return Group(*head, _labelled("rejected", "bold red", f"{code}: {message}"))
        case Route() as route:
            zone = f" in zone {route.zone}" if route.zone else ""
            cascade = " (cascade)" if route.cascade else ""
            chosen = _labelled(route.tier, "bold green", f"{zone}{cascade}".strip())
            reasons = (cell(f"  · {reason}") for reason in route.reasons)
            return Group(*head, _candidates(route), chosen, *reasons)


def explanation_json(explanation: RouteExplanation) -> str:
    """The explanation as a JSON object, for a program."""
    decision = explanation.decision
    shown = decision.model_dump(mode="json") if isinstance(decision, Route) else asdict(decision)
    return readable_json(
        {
            "features": asdict(explanation.features)
            | {"needs": sorted(explanation.features.needs)},
            "need": explanation.scores.need,
            "reason": explanation.scores.reason,
            "decision": shown,
        }
    )


def classified_json(prompt: ClassifiedPrompt | UnreadablePrompt) -> str:
    """One JSON line: the row with `score`, `tier` and `reason`, or `error` alone."""
    match prompt:
        case ClassifiedPrompt(row=row, score=score, tier=tier, reason=reason):
            shown = {**row, "score": score, "tier": tier, "reason": reason}
        case UnreadablePrompt(error=error):
            shown = {"error": error}
    return json.dumps(shown, ensure_ascii=False)


def profiles_table(profiles: Mapping[str, TaskProfile]) -> Table:
    """The profiles for a person."""
    table = Table("task", "tier", "success", "output tokens")
    for task, profile in profiles.items():
        for tier, share in profile.success.items():
            tokens = "" if profile.output_tokens is None else str(profile.output_tokens)
            table.add_row(cell(task), cell(tier), f"{share:.1%}", tokens)
    return table


def profiles_json(profiles: Mapping[str, TaskProfile]) -> str:
    """The section as a JSON object, for a program."""
    return readable_json(_section(profiles))


def profiles_yaml(profiles: Mapping[str, TaskProfile]) -> str:
    """The section as text for `switchgear.yaml`."""
    return yaml.safe_dump(_section(profiles), sort_keys=False, allow_unicode=True)


def _section(profiles: Mapping[str, TaskProfile]) -> dict[str, Any]:
    tasks = {
        task: profile.model_dump(mode="json", exclude_defaults=True)
        for task, profile in profiles.items()
    }
    return {"policy": {"tasks": tasks}}


def _candidates(route: Route) -> Table:
    table = Table("tier", "success", "because", "cost, USD", "answer in", "against it")
    for candidate in route.candidates:
        cost, answer_s = candidate.cost_micro_usd, candidate.expected_s
        table.add_row(
            cell(candidate.tier),
            "?" if candidate.success is None else f"{candidate.success:.0%}",
            cell(candidate.origin or ""),
            "unpriced" if cost is None else f"{cost / 1_000_000:.6f}",
            "" if answer_s is None else f"{answer_s:.2f} s ({candidate.speed})",
            cell(candidate.rejected or ""),
        )
    return table


def _labelled(label: str, style: str, text: str) -> Text:
    return Text.assemble((cell(label).plain, style), " ", cell(text))
