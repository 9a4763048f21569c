"""What does routing save: a cascade on recorded outcomes, and the support desk of the seed article?

Assumptions are parameters here and printed with the result; prices come from the price book.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from dev.routing_data import Row
from producers.contract import Request, Route, Usage
from router.decide import policy, success_model
from router.decide.cascade import expect
from router.decide.tier_candidates import RoutingConfig
from router.text import features
from runtime.config.sections.policy import CascadeSettings

CATCHES = (0.6, 0.8, 0.95)
FALSE_ALARMS = 0.02
CHEAP, STRONG = "openai-gpt-4o-mini", "anthropic-opus-4.6"
CALL = Usage(input_uncached=400, output=250)

TICKETS_A_MONTH = 8_000_000
LEGAL_SHARE = 0.03
SAMPLED = 20_000
ANSWER_TOKENS = 150


@dataclass(frozen=True)
class Ladder:
    """A cascade over recorded outcomes. quality and cost: as shares of the strong tier's.

    cost_at_95: when only so many of the caught answers are escalated that 95 % of the strong
    tier's quality is reached.
    """

    source: str
    catches: float
    quality: float
    cost: float
    escalated: float
    predicted_cost: float
    cost_at_95: float


def cascades(rows: Sequence[Row], basis: RoutingConfig, seed: int = 0) -> list[Ladder]:
    """Every request tried cheap and checked by a verifier that errs; what it catches goes up."""
    cheap, strong = (float(basis.price_of(name, CALL) or 0) for name in (CHEAP, STRONG))
    ladders = []
    for source, catches in product(sorted({row.source for row in rows}), CATCHES):
        rng = random.Random(seed)
        own = [row for row in rows if row.source == source]
        weak = sum(row.models[row.weak] for row in own) / len(own)
        best = sum(row.models[row.strong] for row in own) / len(own)
        up = [_caught(row, catches, rng) for row in own]
        served = [
            row.models[row.strong if escalated else row.weak]
            for row, escalated in zip(own, up, strict=True)
        ]
        escalated = sum(up) / len(own)
        rules = CascadeSettings(verifier_catches=catches, verifier_false_alarms=FALSE_ALARMS)
        plan = expect((Decimal(cheap), weak), (Decimal(strong), best), rules)
        ladders.append(
            Ladder(
                source=source,
                catches=catches,
                quality=sum(served) / len(own) / best,
                cost=(cheap + escalated * strong) / strong,
                escalated=escalated,
                predicted_cost=float(plan.cost) / strong,
                cost_at_95=(cheap + _part(weak, sum(served) / len(own), best) * escalated * strong)
                / strong,
            )
        )
    return ladders


def _part(weak: float, cascade: float, strong: float) -> float:
    """The share of the caught answers that must go up to reach 95 % of the strong quality."""
    return max(0.0, min(1.0, (0.95 * strong - weak) / (cascade - weak)))


def _caught(row: Row, catches: float, rng: random.Random) -> bool:
    good = row.models[row.weak] >= 0.5
    return rng.random() < (FALSE_ALARMS if good else catches)


@dataclass(frozen=True)
class Desk:
    """A month of the support desk, in USD."""

    all_premium: float
    routed: float
    premium_share: float
    legal_found: float
    others_sent_up: float
    by_tier: dict[str, float]


_ORDINARY = (
    "My order {n} hasn't arrived yet. Where is it?",
    "I can't log in since {day}. The reset mail for account {n} never comes.",
    "How do I change the delivery address of order {n}?",
    "The {thing} I bought on {day} is broken, I'd like to return it.",
    "You charged my card twice for invoice {n}. Please refund one of the two payments.",
    "Can I get an invoice with our VAT number for order {n}?",
    "Does the {thing} work with a 110 V supply?",
    "Please cancel my contract for the {thing} at the end of the month, customer {n}.",
    "The app closes whenever I open the page of my {thing}. I use version {n}.",
    "Hi, I'm still waiting for an answer to ticket {n}, it has been a week since {day}!",
)
_LEGAL = tuple(
    " ".join(lines)
    for lines in (
        (
            "Our lawyer says that clause {n} of your terms limits your liability in a void way.",
            "State on which statute you base the limitation, and whether you accept the claim",
            "for damages of {day}.",
        ),
        (
            "Under article 17 GDPR we demand that you delete all data of account {n}. You refused",
            "with reference to a retention duty: which statute, and does it cover the {thing}?",
        ),
        (
            "We hold you in breach of the warranty in section {n} of the contract for the {thing}",
            "and reserve all rights, indemnity included. Tell us your legal position.",
        ),
        (
            "The court of {day} asked whether the arbitration clause binds the heirs of customer",
            "{n}. Please analyse the jurisdiction question for the contract of the {thing}.",
        ),
    )
)
_THINGS = ("kettle", "router", "bicycle", "lamp", "phone", "subscription", "heater", "camera")
_DAYS = ("Monday", "Tuesday", "2 May", "last Friday", "1 June", "Sunday")


def support_desk(basis: RoutingConfig, seed: int = 1) -> Desk:
    """Synthetic tickets through features, classifier and policy; the bill scaled to the month."""
    rng = random.Random(seed)
    kinds = [rng.random() < LEGAL_SHARE for _ in range(SAMPLED)]
    routed = [(legal, _route(_ticket(rng, legal=legal), basis)) for legal in kinds]
    premium = list(basis.catalog.tiers)[-1]
    legal = [route.tier == premium for is_legal, route in routed if is_legal]
    others = [route.tier == premium for is_legal, route in routed if not is_legal]
    scale = TICKETS_A_MONTH / SAMPLED / 1e6
    tiers = {tier: sum(route.tier == tier for _, route in routed) for tier in basis.catalog.tiers}
    return Desk(
        all_premium=scale * sum(_cost(route, premium) for _, route in routed),
        routed=scale * sum(_cost(route, route.tier) for _, route in routed),
        premium_share=tiers[premium] / SAMPLED,
        legal_found=sum(legal) / len(legal),
        others_sent_up=sum(others) / len(others),
        by_tier={tier: count / SAMPLED for tier, count in tiers.items()},
    )


def _ticket(rng: random.Random, *, legal: bool) -> Request:
    text = rng.choice(_LEGAL if legal else _ORDINARY).format(
        n=rng.randint(1_000, 99_999), thing=rng.choice(_THINGS), day=rng.choice(_DAYS)
    )
    rules = "You answer customers of a shop for household goods. Be brief and friendly. " * 15
    messages = [{"role": "system", "content": rules}, {"role": "user", "content": text}]
    body = {"messages": messages, "max_tokens": ANSWER_TOKENS}
    return Request.model_validate({"id": "t", "tenant": "desk", "body": body})


def _route(ticket: Request, basis: RoutingConfig) -> Route:
    found = features.extract_features(ticket)
    route = policy.choose_route(
        ticket, found, success_model.score_features(found, basis.model), basis
    )
    assert isinstance(route, Route), route
    return route


def _cost(route: Route, tier: str) -> float:
    """What the answer costs at `tier`, in micro-USD."""
    costs = {candidate.tier: candidate.cost_micro_usd for candidate in route.candidates}
    return float(costs[tier] or 0)
