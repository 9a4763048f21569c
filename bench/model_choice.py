"""What does one measured model per task save? Run `python -m bench.model_choice --data FILE`.

FILE is routing.dev.jsonl.gz, whose recorded scores are replayed as if they were answers. The
default policy has the data's own pair of a weak and a strong model and knows nothing of them. The
measured one has all models: one half of each task's prompts is the evaluation and gives each
model's quality at each task (the interval's lower end, as `evaluate promote` writes it), and the
price of an error (`error_cost_usd`) at which it is as good there as the default. The other half is
the traffic.

Prices are stated, not looked up: 0.01 USD per million tokens and billion of parameters, for prompt
and answer alike; an answer has 150 tokens. Writes `bench/results/model_choice.json`.
"""

import argparse
import json
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dev.routing_data import Row, load
from observability.price_lists import load_price_book
from observability.reports.wilson import wilson
from producers.contract import Request, Route, Usage
from router.decide import policy, success_model
from router.decide.tier_candidates import RoutingConfig
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.text.features import Features, extract_features
from runtime.config.catalog import Catalog
from runtime.config.pricing import Pricing
from runtime.known.expansion import expand_document
from runtime.known.tables import known_tables

RESULTS: Final = Path(__file__).with_name("results") / "model_choice.json"
USD_PER_BILLION: Final = 0.01
ANSWER_TOKENS: Final = 150
SMALL_BELOW: Final = 48
"""Billions of parameters: the economy tier, and the smaller of each pair."""
SPLITS: Final = 5
ERROR_COSTS: Final = tuple(1e-6 * 1.1**step for step in range(150))
"""USD that a wrong answer costs, rising."""
LEAST_CASES: Final = 60
"""Of a task, in both halves together."""
BILLIONS: Final[Mapping[str, float]] = {
    "codegemma-7b": 7,
    "gemma-2-9b-it": 9,
    "llama-3.1-8b-instruct": 8,
    "llama-3.1-nemotron-51b-instruct": 51,
    "llama-3.3-nemotron-super-49b-v1": 49,
    "llama3-chatqa-1.5-70b": 70,
    "llama3-chatqa-1.5-8b": 8,
    "mistral-7b-instruct-v0.3": 7,
    "qwen2.5-7b-instruct": 7,
    "mixtral-8x7b-instruct-v0.1": 47,
    "gpt-4-1106-preview": 1_000,
}
"""Of GPT-4 nobody says it; the figure makes it as dear as it was, 10 USD per million tokens."""


@dataclass(frozen=True)
class Case:
    """A row as the router sees it."""

    row: Row
    request: Request
    features: Features


@dataclass
class Sum:
    """What traffic brought."""

    answers: int = 0
    good: float = 0.0
    cost: float = 0.0

    def add(self, score: float, cost: float) -> None:
        """One more answer."""
        self.answers += 1
        self.good += score
        self.cost += cost


def configuration(
    models: Sequence[str],
    pair: tuple[str, str],
    quality: Mapping[str, Mapping[str, float]],
    error_cost: Mapping[str, float],
) -> RoutingConfig:
    """Two tiers by size. pair: the weak and the strong model that they begin with."""
    prices = {model: USD_PER_BILLION * BILLIONS[model] for model in models}
    models = [*pair, *(model for model in models if model not in pair)]
    small = [model for model in models if BILLIONS[model] < SMALL_BELOW]
    document: dict[str, Any] = {
        "default_baseline": max(models, key=prices.__getitem__),
        "models": {
            model: {"quality": dict(quality.get(model, {})), "context_window": 128_000}
            for model in models
        },
        "deployments": {
            model: {
                "model": model,
                "provider": "vllm",
                "base_url": "http://replay",
                "zone": "here",
                "price": {"input_per_mtok": price, "output_per_mtok": price},
            }
            for model, price in prices.items()
        },
        "tiers": {
            "economy": {"deployments": small, "next": "premium"},
            "premium": {"deployments": [model for model in models if model not in small]},
        },
        "policy": {
            "tasks": {
                task: {"error_cost_usd": usd, "min_quality": 0} for task, usd in error_cost.items()
            },
        },
    }
    catalog = Catalog.model_validate(expand_document(document, known_tables()))
    return routing_config(catalog, Pricing(load_price_book()), default_model())


def served(case: Case, config: RoutingConfig) -> tuple[str, float]:
    """(model, micro-dollars) of the deployment that the worker would ask first."""
    scores = success_model.score_features(case.features, config.model)
    route = policy.choose_route(case.request, case.features, scores, config)
    assert isinstance(route, Route), route
    usage = Usage(input_uncached=case.features.tokens, output=ANSWER_TOKENS)
    fits = [
        name for name in config.eligible.names(route.tier, route.demands) if name not in route.avoid
    ]
    return fits[0], float(config.price_of(fits[0], usage) or 0)


def replay(cases: Sequence[Case], config: RoutingConfig) -> dict[str, Sum]:
    """What each task's traffic brings."""
    sums: dict[str, Sum] = defaultdict(Sum)
    for case in cases:
        model, cost = served(case, config)
        sums[case.row.domain].add(case.row.models[model], cost)
    return sums


def measured(cases: Sequence[Case], models: Sequence[str]) -> dict[str, dict[str, float]]:
    """The lower end of each model's quality, by model and task."""
    by_task: dict[str, list[Row]] = defaultdict(list)
    for case in cases:
        by_task[case.row.domain].append(case.row)
    return {
        model: {
            task: lower_end(sum(row.models[model] for row in rows), len(rows))
            for task, rows in by_task.items()
        }
        for model in models
    }


def lower_end(good: float, cases: int) -> float:
    """Of the 95 % interval."""
    return round(wilson(round(good), cases).low, 4)


def split(cases: Sequence[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """(evaluation, traffic): each task's cases in two halves."""
    rng, halves = random.Random(seed), (list[Case](), list[Case]())
    by_task: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_task[case.row.domain].append(case)
    for own in by_task.values():
        rng.shuffle(own)
        halves[0].extend(own[: len(own) // 2])
        halves[1].extend(own[len(own) // 2 :])
    return halves


def compare(cases: Sequence[Case]) -> dict[str, dict[str, Sum]]:
    """By task: the default policy's sums, the measured one's, and the best single model's."""
    models, row = sorted(cases[0].row.models), cases[0].row
    pair = row.weak, row.strong
    totals: dict[str, dict[str, Sum]] = defaultdict(lambda: defaultdict(Sum))
    default = configuration(pair, pair, {}, {})
    for seed in range(SPLITS):
        evaluation, traffic = split(cases, seed)
        quality = measured(evaluation, models)
        as_good = _as_good_as(replay(evaluation, default), evaluation, models, pair, quality)
        single = max(models, key=lambda model: sum(case.row.models[model] for case in evaluation))
        for name, sums in (
            ("default", replay(traffic, default)),
            ("measured", replay(traffic, as_good)),
            ("single", _all_to(single, traffic, default)),
        ):
            for task, each in sums.items():
                for into in (totals[task][name], totals["all"][name]):
                    into.answers += each.answers
                    into.good += each.good
                    into.cost += each.cost
    return totals


def _as_good_as(
    default: Mapping[str, Sum],
    evaluation: Sequence[Case],
    models: Sequence[str],
    pair: tuple[str, str],
    quality: Mapping[str, Mapping[str, float]],
) -> RoutingConfig:
    """The measured policy with the least price of an error at which it is as good."""
    wanted = sum(sums.good for sums in default.values())

    def priced(usd: float) -> RoutingConfig:
        return configuration(models, pair, quality, dict.fromkeys(default, usd))

    def good(usd: float) -> float:
        return sum(sums.good for sums in replay(evaluation, priced(usd)).values())

    place = bisect_left(ERROR_COSTS, wanted, key=good)
    return priced(ERROR_COSTS[min(place, len(ERROR_COSTS) - 1)])


def _all_to(model: str, cases: Sequence[Case], config: RoutingConfig) -> dict[str, Sum]:
    sums: dict[str, Sum] = defaultdict(Sum)
    for case in cases:
        usage = Usage(input_uncached=case.features.tokens, output=ANSWER_TOKENS)
        cost = float(config.price_of(model, usage) or 0)
        sums[case.row.domain].add(case.row.models[model], cost)
    return sums


def cases_of(rows: Sequence[Row], source: str) -> list[Case]:
    """The source's rows, each task declared by the caller; tasks with few rows are left out."""
    own = [row for row in rows if row.source == source]
    sizes: dict[str, int] = defaultdict(int)
    for row in own:
        sizes[row.domain] += 1
    cases = []
    for row in own:
        if sizes[row.domain] >= LEAST_CASES:
            routing = row.request.routing.model_copy(update={"task": row.domain})
            request = row.request.model_copy(update={"routing": routing})
            cases.append(Case(row, request, extract_features(request)))
    return cases


def main() -> None:
    """Replays, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="routing.dev.jsonl.gz")
    rows, results = load(parser.parse_args().data), {}
    for source in sorted({row.source for row in rows}):
        totals = compare(cases_of(rows, source))
        print(f"\n{source}: quality, and USD per 1,000 answers")
        print("| task | default | measured | best single model |\n| --- | --- | --- | --- |")
        shown = sorted(totals, key=lambda task: (task == "all", task))
        for task in shown if len(shown) < 15 else ["all"]:
            cells = [
                f"{each.good / each.answers:.1%}, {each.cost / each.answers / 1000:.4f}"
                for each in (totals[task][name] for name in ("default", "measured", "single"))
            ]
            print(f"| {task} | {' | '.join(cells)} |", flush=True)
        results[source] = {
            task: {
                name: {
                    "quality": round(each.good / each.answers, 4),
                    "usd_per_1000": round(each.cost / each.answers / 1000, 5),
                }
                for name, each in by_name.items()
            }
            for task, by_name in totals.items()
        }
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
