"""Requests and answers for the tests of the cache."""

from decimal import Decimal

from cache.results.lookup_result import Hit, LookupResult
from producers.contract import (
    CacheControl,
    CacheOutcome,
    ChatBody,
    Done,
    Request,
    Route,
    RouteTaken,
    Routing,
    Timings,
    Usage,
)

NOW = 1_700_000_000_000
ROUTE = Route(tier="economy")


def request(text: str = "What is a mutex?", tenant: str = "acme", **control: object) -> Request:
    body = ChatBody(messages=[{"role": "user", "content": text}])
    return Request(
        id="r1",
        tenant=tenant,
        body=body,
        routing=Routing(cache=CacheControl.model_validate(control)),
    )


def done(answer: str = "A lock.", finish: str = "stop", cost: str = "120") -> Done:
    message = {"role": "assistant", "content": answer}
    return Done(
        id="r1",
        body={
            "object": "chat.completion",
            "choices": [{"message": message, "finish_reason": finish}],
        },
        route=RouteTaken(tier="economy"),
        cache=CacheOutcome(result="miss"),
        usage=Usage(input_uncached=10, output=4),
        cost_micro_usd=Decimal(cost),
        baseline_micro_usd=None,
        timings=Timings(),
    )


def answer_of(found: LookupResult) -> str | None:
    return found.body["choices"][0]["message"]["content"] if isinstance(found, Hit) else None
