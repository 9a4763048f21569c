"""Next step of a request: call, wait, reroute, delay or give up.

Rules, in this order. A part of a stream that the caller has seen is never followed by another call.
A spent budget ends the request, a soft one sends it down before the first call. An answer that
failed its checks goes up a tier. A refusal of the caller's own words ends it; one of our
translation leads to the targets that are left, each asked once, and then up. Of the targets that
may be called now the least tried is called, then the first in the tier's order. A wait within the
request's patience is waited (an interactive request that can go up waits only where the end of the
wait is known). Then an interactive request goes up a tier rather than be delayed, a batch request
is delayed rather than go up. What can't be answered in time is given up at once.

So a target whose gate is shut is never called, no tier is visited twice, and taking the step and
asking again comes to an end whatever the steps lead to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from producers.contract import FailureCode
from runtime.budgets.standing import Exhausted, OverSoftLimit
from workers.health.gate import NotNow, Ready
from workers.planning.request_state import RequestState, Target, TriedTarget


@dataclass(frozen=True, slots=True)
class Hedge:
    """A second call, of `target`, if nothing has come after `after_s` seconds."""

    target: str
    after_s: float


@dataclass(frozen=True, slots=True)
class CallTarget:
    """Call a deployment now."""

    target: str
    timeout_s: float
    """For the whole answer."""
    hedge: Hedge | None = None
    first_token_s: float = math.inf
    """Until a stream begins."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after `seconds`, or as soon as a breaker changes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reroute:
    """Hand it to `tier`'s queue; reason: in words for a person."""

    tier: str
    reason: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Put it on the retry queue for at least `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Answer with a failure; message: what happened and what can be done about it."""

    code: FailureCode
    message: str
    retryable: bool


NextStep: TypeAlias = CallTarget | Wait | Reroute | Delay | GiveUp
_LEAST_WAIT_S: Final = 0.02
_LONGEST_MESSAGE: Final = 2_000
_KNOWN_WAITS: Final = frozenset({"rate", "concurrency", "rate_limited"})


def next_step(s: RequestState, now: float) -> NextStep:
    """The step to take at `now`."""
    settled = _foregone(s, now)
    if settled is not None:
        return settled
    too_short = _too_short(s)
    usable = [target for target in s.targets if _obstacle(target, s, too_short) is None]
    if not usable:
        return _nothing_usable(s)
    calls = sum(tried.follow != "unsupported" for tried in s.tried)
    if calls + s.prior_attempts >= s.rules.attempts:
        return _up_or_give_up(s, f"no answer after {s.rules.attempts} attempts ({_history(s)})")
    if s.tried:
        ready = [target for target in usable if _callable_from(target, s) <= now]
    else:  # as nearly always; nothing has to rest
        ready = [
            target
            for target in usable
            if isinstance(target.gate, Ready) or target.gate.until <= now
        ]
    return _call(ready, s, now) if ready else _later(usable, s, now)


def _foregone(s: RequestState, now: float) -> NextStep | None:
    """What is decided without a look at the targets."""
    last = s.last
    if last is not None and s.emitted:
        return _broken_stream(last)
    if isinstance(s.budget, Exhausted):
        return GiveUp("budget_exceeded", s.budget.why, retryable=False)
    if (
        isinstance(s.budget, OverSoftLimit)
        and last is None
        and (down := _reroute(s, s.down, s.budget.why))
    ):
        return down
    if last is not None and (ended := _ended_by(last, s)):
        return ended
    if now + s.rules.needed_s > s.deadline:
        message = f"no answer before the deadline ({_history(s)})"
        return GiveUp("deadline_exceeded", message, retryable=True)
    return None


def _broken_stream(last: TriedTarget) -> GiveUp:
    if last.follow == "inadequate":
        message = "the answer, already streamed, failed the request's checks"
        return GiveUp("validation_failed", message, retryable=True)
    message = f"the stream of {last.target} broke after a part was delivered ({last.kind})"
    return GiveUp("providers_exhausted", message, retryable=True)


def _ended_by(last: TriedTarget, s: RequestState) -> NextStep | None:
    """The step that the latest attempt leaves no choice about."""
    match last.follow:
        case "inadequate":
            message = f"the answer of {last.target} failed the request's checks"
            up = _reroute(s, s.up, message)
            return up or GiveUp("validation_failed", message, retryable=False)
        case "filtered" if "filtered" not in s.rules.elsewhere_after:
            message = f"the content filter of {last.target} refused the request"
            return GiveUp("content_filtered", message, retryable=False)
        case "rejected" if "rejected" not in s.rules.elsewhere_after:
            return GiveUp("provider_rejected", _refusal(last), retryable=False)
        case (
            "answered"
            | "again"
            | "elsewhere"
            | "longer"
            | "filtered"
            | "unsupported"
            | "translation"
            | "rejected"
        ):
            return None
        case _:
            assert_never(last.follow)


# ----------------------------------------------------------------------- which target, and when

_Obstacle: TypeAlias = Literal["refused", "context", "cost"]


def _obstacle(target: Target, s: RequestState, too_short: int) -> _Obstacle | None:
    """Why the target can't serve this request at all, whenever it is asked."""
    if s.tried or s.refused:
        told = {
            tried.follow
            for tried in (*s.refused, *s.tried)
            if tried.target == target.name and tried.follow != "again"
        }
        if told:
            return "context" if "longer" in told else "refused"
    if target.context_window < s.prompt_tokens or target.context_window <= too_short:
        return "context"
    if s.ceiling is not None and (target.cost is None or s.spent + target.cost > s.ceiling):
        return "cost"
    return None


def _too_short(s: RequestState) -> int:
    """The longest context window that has proved too short for the prompt."""
    if not (s.tried or s.refused):
        return 0
    overrun = {tried.target for tried in (*s.refused, *s.tried) if tried.follow == "longer"}
    return max((t.context_window for t in s.targets if t.name in overrun), default=0)


def _callable_from(target: Target, s: RequestState) -> float:
    """When the target may be called: its gate is ready and the pause after a failure is over."""
    rested = _rested(target, s) if s.tried else 0.0
    match target.gate:
        case Ready():
            return rested
        case NotNow(until=until):
            return max(until, rested)
        case _:
            assert_never(target.gate)


def _rested(target: Target, s: RequestState) -> float:
    """When the pause after the target's latest failure is over."""
    ends = [tried.at for tried in s.tried if tried.target == target.name]
    if not ends:
        return 0.0
    pause_s = min(s.rules.most_backoff_s, s.rules.backoff_s * 2.0 ** (len(ends) - 1))
    return ends[-1] + pause_s * (0.5 + s.jitter)


def _call(ready: Sequence[Target], s: RequestState, now: float) -> CallTarget:
    chosen, *others = sorted(ready, key=lambda target: _rank(target, s)) if s.tried else ready
    timeout_s, first_token_s = min(s.timeout_s, s.deadline - now), s.first_token_timeout_s
    if others and s.latency == "interactive":
        silence_s = _silence_s(chosen, s, now)
        if s.streams:
            first_token_s = min(first_token_s, silence_s)
        else:
            timeout_s = min(timeout_s, silence_s)
    return CallTarget(chosen.name, timeout_s, _hedge(chosen, others, s, timeout_s), first_token_s)


def _silence_s(chosen: Target, s: RequestState, now: float) -> float:
    """How long to wait in silence, so that there is time left to ask another target."""
    share_s = s.rules.silence_share * (s.deadline - now)
    return max(share_s, 2 * chosen.typical_s) if chosen.typical_s is not None else share_s


def _rank(target: Target, s: RequestState) -> tuple[int, bool]:
    """Least tried first; who has failed once already isn't sent to probe what may fail again."""
    tries = sum(tried.target == target.name for tried in s.tried)
    return tries, _probing(target)


def _hedge(
    chosen: Target, others: Sequence[Target], s: RequestState, timeout_s: float
) -> Hedge | None:
    if not s.rules.hedge or s.latency == "batch" or chosen.typical_s is None:
        return None
    spare = next((o for o in others if not _probing(o) and _affords_both(chosen, o, s)), None)
    if spare is None or chosen.typical_s >= timeout_s:
        return None
    return Hedge(spare.name, chosen.typical_s)


def _affords_both(first: Target, other: Target, s: RequestState) -> bool:
    if first.cost and other.cost and other.cost > s.rules.hedge_cost * first.cost:
        return False
    if s.ceiling is None:
        return True
    return s.spent + (first.cost or 0) + (other.cost or 0) <= s.ceiling


def _probing(target: Target) -> bool:
    return isinstance(target.gate, Ready) and target.gate.probe


# ---------------------------------------------------------------------------- no target, or not now


def _later(usable: Sequence[Target], s: RequestState, now: float) -> NextStep:
    """Nobody may be called now: wait here, go up, come back later, or give up."""
    why = ", ".join(_state_of(target) for target in usable)
    up = _reroute(s, s.up, why)
    if up is not None and s.latency == "interactive":
        usable = [target for target in usable if _comes_back(target)]
    opens_at = min((_callable_from(target, s) for target in usable), default=math.inf)
    wait_s = max(_LEAST_WAIT_S, opens_at - now)
    in_time = now + wait_s + s.rules.needed_s <= s.deadline
    if in_time and s.waited_s + wait_s <= s.rules.patience_s:
        return Wait(wait_s)
    delay = Delay(wait_s, why) if in_time else None
    step = (up or delay) if s.latency == "interactive" else (delay or up)
    message = f"no deployment can take it before its deadline: {why}"
    return step or GiveUp("overloaded", message, retryable=True)


def _comes_back(target: Target) -> bool:
    """Whether it is known to take a call when its time comes; after an outage, one can but try."""
    return isinstance(target.gate, Ready) or target.gate.reason in _KNOWN_WAITS


def _state_of(target: Target) -> str:
    reason = target.gate.reason if isinstance(target.gate, NotNow) else "failed just now"
    return f"{target.name}: {reason}"


def _nothing_usable(s: RequestState) -> NextStep:
    """Every target has an obstacle that time doesn't remove."""
    too_short = _too_short(s)
    obstacles = {_obstacle(target, s, too_short) for target in s.targets}
    if refused := _refused_by_all(s):
        return refused
    if not obstacles:
        message = "no deployment of the tier satisfies the request's constraints"
        return _reroute(s, s.up, message) or GiveUp("no_deployment_fits", message, retryable=False)
    if "context" in obstacles:
        message = "the prompt is longer than every context window of the tier; shorten it"
        return _reroute(s, s.up, message) or GiveUp("context_too_long", message, retryable=False)
    if "cost" in obstacles:
        message = "every deployment left would exceed the request's max_cost_usd; raise it"
        return _reroute(s, s.down, message) or GiveUp(
            "no_deployment_fits", message, retryable=False
        )
    if {tried.kind for tried in s.tried} == {"BadCredentials"}:
        message = (
            "every deployment of the tier refused its credentials; the operator must mend them"
        )
        return _reroute(s, s.up, message) or GiveUp("bad_credentials", message, retryable=False)
    return _up_or_give_up(s, f"no deployment is left to try ({_history(s)})")


def _refused_by_all(s: RequestState) -> NextStep | None:
    """Every target that could be asked has refused what we made of it, or had no words for it."""
    names = {target.name for target in s.targets}
    refusals = [
        tried
        for tried in (*s.refused, *s.tried)
        if tried.target in names and tried.follow in ("unsupported", "translation")
    ]
    if not refusals:
        return None
    if up := _reroute(s, s.up, f"no deployment of the tier takes it ({_history(s)})"):
        return up
    message = "; ".join(map(_refusal, refusals))[:_LONGEST_MESSAGE]
    sent = any(tried.follow == "translation" for tried in refusals)
    code: FailureCode = "provider_rejected" if sent else "unsupported_content"
    return GiveUp(code, message, retryable=False)


def _refusal(tried: TriedTarget) -> str:
    """What a target has against the request, with the field that it names."""
    if tried.follow == "unsupported":
        return f"{tried.target} can't be asked this: {tried.message or 'no words for it'}"
    what = f"{tried.target} calls the request invalid"
    return f"{what}: {tried.message}" if tried.message else what


def _up_or_give_up(s: RequestState, message: str) -> Reroute | GiveUp:
    return _reroute(s, s.up, message) or GiveUp("providers_exhausted", message, retryable=True)


def _reroute(s: RequestState, tier: str | None, reason: str) -> Reroute | None:
    """A way to `tier`, unless there is none, it was there already, or it has hopped enough."""
    if tier is None or tier in s.visited or len(s.visited) >= s.rules.most_reroutes:
        return None
    return Reroute(tier, reason)


def _history(s: RequestState) -> str:
    return ", ".join(f"{tried.target}: {tried.kind}" for tried in s.tried) or "not tried"
