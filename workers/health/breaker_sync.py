"""Breaker synchronisation: remote news applied here, local transitions announced to the fleet."""

from collections.abc import Iterable
from typing import assert_never

from runtime.circuit_breaker.rules import Tripped
from runtime.circuit_breaker.state_machine import Closed, ForcedClosed, ForcedOpen, HalfOpen, Open
from workers.health.breaker_registry import BreakerRegistry, Transition, open_to
from workers.health.shared_state import BreakerNews


def apply_remote_state(news: BreakerNews, breakers: BreakerRegistry) -> None:
    """Take over what a peer or an operator announced."""
    key, state = news.breaker, breakers.state(news.breaker)
    match news.state:
        case "open":
            breakers.open(key, Tripped(news.reason, news.for_s, news.tenant), "peer")
        case "closed" if isinstance(state, ForcedOpen | ForcedClosed):
            breakers.close(key, "operator")
        case "closed" if not isinstance(state, Closed):
            breakers.close(key, "peer")
        case "closed":
            pass
        case "forced_open" if not isinstance(state, ForcedOpen):
            breakers.force(key, to_open=True, origin="operator")
        case "forced_closed" if not isinstance(state, ForcedClosed):
            breakers.force(key, to_open=False, origin="operator")
        case "forced_open" | "forced_closed":
            pass
        case _:
            assert_never(news.state)


def announcement(transition: Transition, worker: str) -> BreakerNews | None:
    """What the fleet should hear of a transition that was found out here."""
    if transition.origin != "here":
        return None
    match transition.after:
        case "open":
            reason, for_s = transition.reason or "failures", transition.for_s or 0
            tenant = transition.tenant
            return BreakerNews(transition.breaker, "open", worker, reason, for_s, tenant=tenant)
        case "closed":
            return BreakerNews(transition.breaker, "closed", worker)
        case "half_open" | "forced_open" | "forced_closed":
            return None
        case _:
            assert_never(transition.after)


def resynchronise(
    fleet: Iterable[BreakerNews], breakers: BreakerRegistry, worker: str, now: float
) -> list[BreakerNews]:
    """Take over all that the fleet knows, after an absence; returned: what only this worker knows.

    fleet: every breaker there that isn't simply closed.
    """
    news_of = {news.breaker: news for news in fleet}
    for news in news_of.values():
        apply_remote_state(news, breakers)
    announcements = []
    for name in breakers.names():
        if name in news_of:
            continue
        match breakers.state(name):
            case ForcedOpen() | ForcedClosed():
                # only operators force, and only by way of the fleet: it was lifted meanwhile
                breakers.close(name, "operator")
            case Open(until=until, reason=reason) as state:
                # whether a peer closed it meanwhile can't be told: a probe will find out
                tenant = open_to(state)
                news = BreakerNews(name, "open", worker, reason, until - now, tenant=tenant)
                announcements.append(news)
            case Closed() | HalfOpen():
                pass
    return announcements
