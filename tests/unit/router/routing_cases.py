"""Catalogs and requests for the router's tests."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from producers.contract import Request, Route, Usage
from router.decide import policy, success_model
from router.decide.caller_overrides import RouteRejected
from router.decide.tier_candidates import RoutingConfig
from router.decide.timing import JUST_SENT, RequestClock
from router.serve.model_file import default_model
from router.text import features
from runtime.config.catalog import Catalog

PRICES = {"eco-us": 1, "eco-eu": 2, "own": 3, "std-us": 10, "std-eu": 12, "pre-us": 100}
ALL = ["tools", "images", "json_schema"]


def catalog(**policy_section: object) -> Catalog:
    """Three tiers; economy and standard also in the EU, economy also self-hosted."""

    def deployment(model: str, zone: str, *, self_hosted: bool = False) -> dict[str, Any]:
        return {
            "model": model,
            "provider": "p",
            "base_url": "http://x",
            "zone": zone,
            "self_hosted": self_hosted,
        }

    return Catalog.model_validate(
        {
            "default_baseline": "pre-us",
            "models": {
                "small": {"family": "f", "context_window": 8_000, "capabilities": ["tools"]},
                "medium": {"family": "f", "context_window": 32_000, "capabilities": ALL},
                "large": {"family": "f", "context_window": 200_000, "capabilities": ALL},
            },
            "deployments": {
                "eco-us": deployment("small", "us"),
                "eco-eu": deployment("small", "eu"),
                "own": deployment("small", "cellar", self_hosted=True),
                "std-us": deployment("medium", "us"),
                "std-eu": deployment("medium", "eu"),
                "pre-us": deployment("large", "us"),
            },
            "tiers": {
                "economy": {"deployments": ["eco-us", "eco-eu", "own"], "next": "standard"},
                "standard": {"deployments": ["std-us", "std-eu"], "next": "premium"},
                "premium": {"deployments": ["pre-us"]},
            },
            "tenants": {
                "*": {},
                "bank": {"residency": ["eu"]},
                "cave": {"self_hosted_only": True},
                "strict": {"min_quality": 0.97},
            },
            "policy": policy_section,
        }
    )


def price_of(deployment: str, usage: Usage) -> Decimal | None:
    """Micro-USD: a price per token and deployment."""
    price = PRICES.get(deployment)
    return None if price is None else Decimal(price) * (usage.input_total + usage.output)


def request(
    prompt: object = "What is the capital of Peru?",
    tenant: str = "anyone",
    body: Mapping[str, Any] | None = None,
    routing: Mapping[str, Any] | None = None,
) -> Request:
    """A request of one user turn, or of the messages given."""
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    return Request.model_validate(
        {
            "id": "r1",
            "tenant": tenant,
            "body": {"messages": messages, **(body or {})},
            "routing": routing or {},
        }
    )


def decide(
    asked: Request, budget_used: float = 0.0, policy_section: Mapping[str, Any] | None = None
) -> Route | RouteRejected:
    """What the router decides on `asked`, over the whole way."""
    return decide_by(catalog(**(policy_section or {})), asked, budget_used=budget_used)


def decide_by(
    book: Catalog,
    asked: Request,
    *,
    budget_used: float = 0.0,
    clock: RequestClock = JUST_SENT,
) -> Route | RouteRejected:
    """The same, by a whole configuration."""
    config = RoutingConfig(book, book.policy, price_of, default_model())
    found = features.extract_features(asked)
    return policy.choose_route(
        asked,
        found,
        success_model.score_features(found, config.model),
        config,
        budget_used=budget_used,
        clock=clock,
    )


def route(
    asked: Request, budget_used: float = 0.0, policy_section: Mapping[str, Any] | None = None
) -> Route:
    """The same, when it must be a route."""
    decided = decide(asked, budget_used, policy_section)
    assert isinstance(decided, Route), decided
    return decided


def rejected(
    asked: Request, budget_used: float = 0.0, policy_section: Mapping[str, Any] | None = None
) -> RouteRejected:
    """The same, when it must be a rejection."""
    decided = decide(asked, budget_used, policy_section)
    assert isinstance(decided, RouteRejected), decided
    return decided
