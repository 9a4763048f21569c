"""What does the fleet's news change in this worker's breakers, and what of theirs is news to it?"""

from collections.abc import Iterable
from typing import assert_never

from runtime.circuit_breaker.rules import Tripped
from runtime.circuit_breaker.state_machine import Closed, ForcedClosed, ForcedOpen, HalfOpen, Open
from workers.health.breaker_registry import BreakerRegistry, Transition
from workers.health.shared_state import BreakerNews


def apply_remote_state(news: BreakerNews, breakers: BreakerRegistry) -> None:
    """Believe a peer or an operator."""
    key, now = news.breaker, breakers.state(news.breaker)
    match news.state:
        case "open":
            breakers.open(key, Tripped(news.reason, news.for_s), "peer")
        case "closed" if isinstance(now, ForcedOpen | ForcedClosed):
            breakers.close(key, "operator")
        case "closed" if not isinstance(now, Closed):
            breakers.close(key, "peer")
        case "closed":
            pass
        case "forced_open" if not isinstance(now, ForcedOpen):
            breakers.force(key, to_open=True, origin="operator")
        case "forced_closed" if not isinstance(now, ForcedClosed):
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
            return BreakerNews(transition.breaker, "open", worker, reason, for_s)
        case "closed":
            return BreakerNews(transition.breaker, "closed", worker)
        case "half_open" | "forced_open" | "forced_closed":
            return None
        case _:
            assert_never(transition.after)


def resynchronise(
    known: Iterable[BreakerNews], breakers: BreakerRegistry, worker: str, now: float
) -> list[BreakerNews]:
    """Believe all that the fleet knows after an absence; returned: what only this worker knows."""
    told = {news.breaker: news for news in known}
    for news in told.values():
        apply_remote_state(news, breakers)
    unknown = [key for key in breakers.names() if key not in told]
    untold = []
    for key in unknown:
        match breakers.state(key):
            case ForcedOpen() | ForcedClosed():
                breakers.close(key, "operator")
            case Open(until=until, reason=reason):
                untold.append(BreakerNews(key, "open", worker, reason, until - now))
            case Closed() | HalfOpen():
                pass
    return untold
