"""Admission of calls to deployments: breakers, concurrency limits and rate budgets together.

`gate` answers for the plan, `admit` takes a place, `report_outcome` or `abandon` gives it back.
Nothing waits for the network, except for a new lease of a rate budget and for a place to probe
with. Without Redis each worker goes on alone.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from producers.contract import Usage
from runtime.circuit_breaker.rules import IGNORED, BreakerSignal, CallOrigin, Succeeded
from runtime.circuit_breaker.state_machine import BreakerPermit, BreakerRefused
from runtime.config.catalog import Catalog, Deployment
from runtime.fleet.speed_reports import FleetSpeeds, reported
from runtime.redis.connection import raise_if_cancelled
from runtime.speed.observed_speed import ObservedSpeed, faded, merged
from workers.health.breaker_registry import (
    BreakerRegistry,
    Clock,
    OnTransition,
    Transition,
    state_name,
)
from workers.health.breaker_sync import announcement, apply_remote_state, resynchronise
from workers.health.deployment_state import BreakerKeys, CallTimes, DeploymentState
from workers.health.gate import Gate, NotNow, Ready
from workers.health.health_rules import HealthRules
from workers.health.limits.concurrency_limit import Concurrency, ConcurrencyRules
from workers.health.limits.hedge_budget import HedgeBudget
from workers.health.limits.rate_budget import Quota
from workers.health.outcome_policy import OutcomeVerdict, judge_outcome
from workers.health.rate_leases import RateLeases
from workers.health.shared_state import BreakerNews, SharedFleetState
from workers.health.status_report import DeploymentReport, WorkerReport
from workers.providers.base.call_outcome import CallOutcome, Completion

Note: TypeAlias = Callable[[str], None]
"""Takes a sentence for a call's span."""
_REPORT_EVERY_S: Final = 1.0
_READY: Final = Ready()
"""Hedges may be one in ten calls, and so many at once: enough until a slow breaker opens."""


@dataclass(frozen=True, slots=True)
class CallPermit:
    """The right to make one call of `target` now: its outcome is reported, or it is abandoned."""

    number: int
    """No other permit of this process has it."""
    target: str
    """The deployment's name."""
    admitted_at: float
    """Seconds, of the admission's clock."""
    tokens: int
    """Reserved of the rate budget."""
    keys: BreakerKeys
    breaker_permits: tuple[BreakerPermit, ...]
    """One of each of `keys`."""
    tenant: str | None = None
    """Whose call it is; None: nobody knows."""


class DeploymentAdmission:
    """What this process knows of every deployment's health and limits.

    clock: seconds, monotonic; shared: what the fleet shares, if anything; fleet: how fast the other
    workers have seen the deployments.
    """

    def __init__(  # noqa: PLR0913 -- the adapters and rules of the composition root
        self,
        catalog: Catalog,
        clock: Clock,
        on_transition: OnTransition,
        *,
        rules: HealthRules | None = None,
        concurrency: ConcurrencyRules | None = None,
        shared: SharedFleetState | None = None,
        fleet: FleetSpeeds | None = None,
    ) -> None:
        self._clock = clock
        self._report_transition = on_transition
        self._rules = rules or HealthRules()
        self._concurrency = concurrency or ConcurrencyRules()
        self._shared = shared
        self._fleet = fleet
        self._breakers = BreakerRegistry(self._rules.breaker, clock, self._on_transition)
        self._rate_leases = RateLeases(clock, None if shared is None else shared.lease_rate)
        self._changed = asyncio.Event()
        self._numbers = itertools.count()
        self.hedges = HedgeBudget()
        # set for the length of one `report_outcome`, which awaits nothing: transitions found
        # meanwhile are that call's doing
        self._note: Note | None = None
        self._admitted: dict[int, DeploymentState] = {}
        self._states: dict[str, DeploymentState] = {}
        self.configure(catalog)

    def configure(self, catalog: Catalog) -> None:
        """Take over a new catalog; deployments that stayed the same keep their state.

        So do those that are gone: a request that began under the old catalog may still ask for one.
        """
        old, self._states = self._states, dict(self._states)
        for name, deployment in catalog.deployments.items():
            keys, state = breaker_keys(name, deployment), old.get(name)
            if state is None or state.keys != keys:
                state = DeploymentState(keys, Concurrency(self._concurrency.most))
            self._states[name] = state
            self._rate_leases.configure(keys.deployment, Quota(deployment.rpm, deployment.tpm))

    def gate(self, target: str, tokens: int, tenant: str | None = None) -> Gate:
        """Whether `admit` would let a call of about `tokens` tokens through now."""
        state = self._states[target]
        probed: Sequence[str] = ()
        if not self._breakers.not_closed.isdisjoint(state.keys):
            permits = self._breakers.preview(state.keys, tenant)
            if isinstance(permits, BreakerRefused):
                return NotNow(permits.until, permits.reason)
            probed = _probed(state.keys, permits)
        if state.in_flight >= state.concurrency.limit:
            return NotNow(self._clock() + self._rules.breaker.recheck_s, "concurrency")
        if state.keys.deployment in self._rate_leases.exhausted:
            until = self._rate_leases.exhausted_until(state.keys.deployment, tokens)
            if until is not None:
                return NotNow(until, "rate")
        if not probed:
            return _READY
        if self._clock() < state.probes_taken_until:
            return NotNow(state.probes_taken_until, "failures")
        return Ready(probe=True)

    def typical_s(self, target: str) -> float | None:
        """The time within which 95 % of the calls give their first token, once it is known."""
        return self._states[target].latency.known_s

    def observed_speed(self, target: str) -> ObservedSpeed:
        """How fast this worker and the rest of the fleet have seen it lately."""
        own = faded(self._states[target].speed, self._clock())
        others = None if self._fleet is None else self._fleet.observed.get(target)
        return own if others is None else merged((own, others))

    async def admit(
        self, target: str, tokens: int, tenant: str | None = None
    ) -> CallPermit | NotNow:
        """Take a place for one call of about `tokens` tokens (prompt and answer).

        tenant: whose call it is, by the account that its sender uses.
        """
        gate, state = self.gate(target, tokens, tenant), self._states[target]
        if isinstance(gate, NotNow):
            return gate
        until = await self._rate_leases.reserve(state.keys.deployment, tokens)
        if until is not None:
            return NotNow(until, "rate")
        number = next(self._numbers)
        try:
            permits = await self._pass_breakers(state, number, tenant)
        except BaseException:  # cancelled while Redis was asked: what was reserved goes back
            self._rate_leases.cancel_reservation(state.keys.deployment, tokens)
            raise
        if isinstance(permits, BreakerRefused):
            self._rate_leases.cancel_reservation(state.keys.deployment, tokens)
            return NotNow(permits.until, permits.reason)
        state.in_flight += 1
        self._admitted[number] = state
        return CallPermit(number, target, self._clock(), tokens, state.keys, permits, tenant)

    def report_outcome(
        self,
        permit: CallPermit,
        outcome: CallOutcome,
        note: Note | None = None,
        asked: str | None = None,
    ) -> OutcomeVerdict:
        """The call has ended with `outcome`; its verdict.

        asked: the same for calls that ask the same, of one that failed.
        note: takes what that changed in the breakers, in words, for the call's span.
        """
        now, self._note = self._clock(), note
        state = self._admitted.get(permit.number)
        slow_after_s = (
            self._rules.slow_after_s if state is None else state.slow_after_s(self._rules)
        )
        origin = None
        if permit.tenant is not None and self._matters_whose(permit, outcome, slow_after_s):
            origin = CallOrigin(permit.tenant, asked)
        verdict = judge_outcome(
            outcome, now - permit.admitted_at, slow_after_s, self._rules.fair_wait_s, origin
        )
        if state is not None:
            used = _tokens(outcome.usage)
            self._rate_leases.settle_reservation(
                permit.keys.deployment, permit.tokens, used, outcome.limits
            )
            call = CallTimes(now - permit.admitted_at, now)
            state.record_outcome(outcome, verdict, call, self._concurrency)
        try:
            self._end_call(permit, verdict.deployment, verdict.provider)
        finally:
            self._note = None
        return verdict

    def _matters_whose(self, permit: CallPermit, outcome: CallOutcome, slow_after_s: float) -> bool:
        """Not where all goes well, as nearly always: it says nothing of anybody."""
        if not isinstance(outcome, Completion) or outcome.first_token_s >= slow_after_s:
            return True
        return not self._breakers.not_closed.isdisjoint(permit.keys)

    def abandon(self, permit: CallPermit, *, overtaken: bool = False) -> None:
        """The call was cancelled; nothing happens when its outcome was reported already.

        overtaken: because it took longer than usual and a hedge has won, which counts as slow.
        """
        origin = None if permit.tenant is None else CallOrigin(permit.tenant)
        signal = Succeeded(slow=True, origin=origin) if overtaken else IGNORED
        self._end_call(permit, signal, IGNORED)

    async def wait_for_change(self, seconds: float) -> None:
        """Sleep `seconds`, or less when a breaker changes meanwhile."""
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()

    async def share_with_fleet(self) -> None:
        """Until cancelled: tell the fleet what is known here, and believe what it knows."""
        if self._shared is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self._shared.exchange_news(
                    partial(apply_remote_state, breakers=self._breakers), self._resynchronise
                )
            )
            group.create_task(self._publish_reports(self._shared))
            if self._fleet is not None:
                group.create_task(self._fleet.poll())

    async def _publish_reports(self, shared: SharedFleetState) -> None:
        while True:
            report = WorkerReport(worker=shared.worker, deployments=tuple(self.reports()))
            size = await shared.publish_report(
                report.model_dump_json(), silent_s=3 * _REPORT_EVERY_S
            )
            self._rate_leases.fleet_size = size or self._rate_leases.fleet_size
            raise_if_cancelled()
            await asyncio.sleep(_REPORT_EVERY_S)

    def reports(self) -> Iterator[DeploymentReport]:
        """Every deployment as this worker sees it."""
        for name, state in self._states.items():
            quota = self._rate_leases.quota(state.keys.deployment)
            yield DeploymentReport(
                deployment=name,
                breaker=state.keys.deployment,
                provider_breaker=state.keys.provider,
                state=state_name(self._breakers.state(state.keys.deployment)),
                in_flight=state.in_flight,
                concurrency=int(state.concurrency.limit),
                calls=state.calls,
                failures=state.failures,
                rpm=quota.rpm,
                tpm=quota.tpm,
                typical_s=state.latency.known_s,
                speed=reported(state.speed, self._clock()),
            )

    def _resynchronise(self, fleet: Sequence[BreakerNews]) -> None:
        assert self._shared is not None  # noqa: S101 -- only `share_with_fleet` hands this over
        for news in resynchronise(fleet, self._breakers, self._shared.worker, self._clock()):
            self._shared.announce(news)

    async def _pass_breakers(
        self, state: DeploymentState, number: int, tenant: str | None
    ) -> tuple[BreakerPermit, ...] | BreakerRefused:
        """Through both breakers; a probe needs one of the fleet's few places first."""
        closed = self._breakers.permits_if_closed(state.keys)
        if closed is not None:
            return closed
        preview = self._breakers.preview(state.keys, tenant)
        if isinstance(preview, BreakerRefused):
            return preview
        # The breakers are asked twice: taking the fleet's places awaits Redis, and meanwhile
        # another call of this worker may have become the probe, or the breaker may have moved on.
        taken, used = _probed(state.keys, preview), set[str]()
        try:
            for key in taken:
                if not await self._take_probe(key, number):
                    state.probes_taken_until = self._clock() + self._rules.breaker.recheck_s
                    return BreakerRefused(state.probes_taken_until, "failures")
            permits = self._breakers.admit(state.keys, tenant)
            if not isinstance(permits, BreakerRefused):
                used.update(_probed(state.keys, permits))
            return permits
        finally:  # also when this very request is cancelled meanwhile
            self._release_probes(set(taken) - used, number)

    async def _take_probe(self, breaker: str, number: int) -> bool:
        if self._shared is None:
            return True
        return await self._shared.take_probe(breaker, number, self._breakers.probe_limit(breaker))

    def _release_probes(self, breakers: Iterable[str], number: int) -> None:
        if self._shared is not None:
            for key in breakers:
                self._shared.release_probe(key, number)

    def _end_call(
        self, permit: CallPermit, deployment: BreakerSignal, provider: BreakerSignal
    ) -> None:
        state = self._admitted.pop(permit.number, None)
        if state is None:
            return
        state.in_flight -= 1
        signals = (deployment, provider)
        for key, breaker_permit, signal in zip(
            permit.keys, permit.breaker_permits, signals, strict=True
        ):
            self._breakers.report_call(key, breaker_permit, signal)
        self._release_probes(_probed(permit.keys, permit.breaker_permits), permit.number)

    def _on_transition(self, transition: Transition) -> None:
        if self._note is not None:
            self._note(f"breaker {transition.breaker}: {transition.before} to {transition.after}")
        if transition.after == "closed":
            self._restart(transition.breaker)
        if self._shared is not None and (news := announcement(transition, self._shared.worker)):
            self._shared.announce(news)
        self._changed.set()
        self._changed = asyncio.Event()
        self._report_transition(transition)

    def _restart(self, breaker: str) -> None:
        """What has recovered isn't hit by all that waited for it: its limits start small."""
        for state in self._states.values():
            if breaker in state.keys:
                state.restart(self._concurrency)


def breaker_keys(name: str, deployment: Deployment) -> BreakerKeys:
    """A model swapped in a deployment starts with a fresh breaker; a region fails on its own."""
    provider = deployment.provider
    return BreakerKeys(
        deployment=f"{provider}/{deployment.account}/{name}/{deployment.model}",
        provider=f"{provider}/{deployment.region}",
    )


def _probed(keys: BreakerKeys, permits: Sequence[BreakerPermit]) -> Sequence[str]:
    """The breakers for which the call is a probe."""
    return [key for key, permit in zip(keys, permits, strict=True) if permit.probe is not None]


def _tokens(usage: Usage | None) -> int:
    return 0 if usage is None else usage.input_total + usage.output_total
