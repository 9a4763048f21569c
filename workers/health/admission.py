"""May this worker call a deployment now, given all that the fleet knows of it?

`gate` answers for the plan, `admit` takes a place, `settle` or `abandon` gives it back. Nothing
waits for the network, except for a new share of a rate budget and for a place to probe with.
Without Redis each worker goes on alone.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from producers.contract import Usage
from runtime.circuit_breaker.rules import BreakerSignal, Ignored, Succeeded
from runtime.circuit_breaker.state_machine import BreakerPermit, BreakerRefused
from runtime.config.catalog import Catalog, Deployment
from workers.health.breaker_registry import (
    BreakerRegistry,
    Clock,
    OnTransition,
    Transition,
    state_name,
)
from workers.health.breaker_sync import announcement, apply_remote_state, resynchronise
from workers.health.deployment_state import BreakerKeys, DeploymentState
from workers.health.gate import Gate, NotNow, Ready
from workers.health.health_rules import HealthRules
from workers.health.limits.concurrency_limit import Concurrency, ConcurrencyRules
from workers.health.limits.rate_budget import Quota
from workers.health.outcome_policy import OutcomeVerdict, judge_outcome
from workers.health.rate_leases import RateLeases
from workers.health.shared_state import BreakerNews, SharedFleetState
from workers.health.status_report import DeploymentReport, WorkerReport
from workers.providers.base.call_outcome import CallOutcome

Note: TypeAlias = Callable[[str], None]
_REPORT_EVERY_S: Final = 1.0
_HEDGE_SHARE: Final = 0.1
_HEDGE_BURST: Final = 20.0
"""Hedges may be one in ten calls, and so many at once: enough until a slow breaker opens."""


@dataclass(frozen=True, slots=True)
class CallPermit:
    """The right to make one call of `target` now: to be settled or abandoned.

    at: when it was given; tokens: reserved; probing: the breakers for which it is a probe.
    """

    number: int
    target: str
    admitted_at: float
    tokens: int
    keys: BreakerKeys
    breaker_permits: tuple[BreakerPermit, ...]

    @property
    def probing(self) -> Sequence[str]:
        """The breakers that are trying out with it whether they may close."""
        return _probed(self.keys, self.breaker_permits)


class DeploymentAdmission:
    """What this process knows of every deployment's health and room.

    clock: seconds; hear: takes every breaker transition; state: what the fleet shares, if anything.
    """

    def __init__(  # noqa: PLR0913 -- the adapters and rules of the composition root
        self,
        catalog: Catalog,
        clock: Clock,
        hear: OnTransition,
        *,
        rules: HealthRules | None = None,
        concurrency: ConcurrencyRules | None = None,
        state: SharedFleetState | None = None,
    ) -> None:
        self._clock = clock
        self._hear = hear
        self._rules = rules or HealthRules()
        self._concurrency = concurrency or ConcurrencyRules()
        self._state = state
        self._breakers = BreakerRegistry(self._rules.breaker, clock, self._heard)
        self._rates = RateLeases(clock, None if state is None else state.lease_rate)
        self._changed = asyncio.Event()
        self._numbers = itertools.count()
        self._hedges = _HEDGE_BURST
        self._note: Note | None = None
        self._out: dict[int, DeploymentState] = {}
        self._rooms: dict[str, DeploymentState] = {}
        self.configure(catalog)

    def configure(self, catalog: Catalog) -> None:
        """Take over a new catalog; deployments that stayed the same keep their state.

        So do those that are gone: a request that began under the old catalog may still ask for one.
        """
        old, self._rooms = self._rooms, dict(self._rooms)
        for name, deployment in catalog.deployments.items():
            keys, known = breaker_keys(name, deployment), old.get(name)
            fresh = DeploymentState(keys, Concurrency(self._concurrency.most))
            self._rooms[name] = known if known is not None and known.keys == keys else fresh
            self._rates.configure(keys.deployment, Quota(deployment.rpm, deployment.tpm))

    def gate(self, target: str, tokens: int) -> Gate:
        """Whether `admit` would let a call of about `tokens` tokens through now."""
        room = self._rooms[target]
        passes = self._breakers.preview(room.keys)
        if isinstance(passes, BreakerRefused):
            return NotNow(passes.until, passes.reason)
        if room.in_flight >= room.concurrency.limit:
            return NotNow(self._clock() + self._rules.breaker.recheck_s, "concurrency")
        until = self._rates.exhausted_until(room.keys.deployment, tokens)
        if until is not None:
            return NotNow(until, "rate")
        probe = bool(_probed(room.keys, passes))
        if probe and self._clock() < room.probes_taken_until:
            return NotNow(room.probes_taken_until, "failures")
        return Ready(probe=probe)

    def typical_s(self, target: str) -> float | None:
        """The time within which 95 % of the calls give their first token, once it is known."""
        return self._rooms[target].latency.known_s

    async def admit(self, target: str, tokens: int) -> CallPermit | NotNow:
        """Take a place for one call of about `tokens` tokens (prompt and answer)."""
        gate, room = self.gate(target, tokens), self._rooms[target]
        if isinstance(gate, NotNow):
            return gate
        until = await self._rates.reserve(room.keys.deployment, tokens)
        if until is not None:
            return NotNow(until, "rate")
        number = next(self._numbers)
        passes = await self._pass(room, number)
        if isinstance(passes, BreakerRefused):
            self._rates.cancel_reservation(room.keys.deployment, tokens)
            return NotNow(passes.until, passes.reason)
        room.in_flight += 1
        self._hedges = min(_HEDGE_BURST, self._hedges + _HEDGE_SHARE)
        self._out[number] = room
        return CallPermit(number, target, self._clock(), tokens, room.keys, passes)

    def report_outcome(
        self, permit: CallPermit, outcome: CallOutcome, note: Note | None = None
    ) -> OutcomeVerdict:
        """The call has ended with `outcome`; its verdict.

        note: takes what that changed in the breakers, in words, for the call's span.
        """
        now, self._note = self._clock(), note
        room = self._out.get(permit.number)
        slow_after_s = self._rules.slow_after_s if room is None else room.slow_after_s(self._rules)
        verdict = judge_outcome(
            outcome, now - permit.admitted_at, slow_after_s, self._rules.fair_wait_s
        )
        if room is not None:
            used = _tokens(outcome.usage)
            self._rates.settle_reservation(
                permit.keys.deployment, permit.tokens, used, outcome.limits
            )
            room.record_outcome(outcome, verdict, now, self._concurrency)
        try:
            self._leave(permit, verdict.deployment, verdict.provider)
        finally:
            self._note = None
        return verdict

    def abandon(self, permit: CallPermit, *, overtaken: bool = False) -> None:
        """The call was cancelled; nothing happens when it was settled already.

        overtaken: because it took longer than usual and a hedge has won, which counts as slow.
        """
        self._leave(permit, Succeeded(slow=True) if overtaken else Ignored(), Ignored())

    def take_hedge(self) -> bool:
        """Whether one more call may be doubled: about one in ten is."""
        if self._hedges < 1:
            return False
        self._hedges -= 1
        return True

    async def wait_for_change(self, seconds: float) -> None:
        """Sleep `seconds`, or less when a breaker changes meanwhile."""
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()

    async def share_with_fleet(self) -> None:
        """Until cancelled: tell the fleet what is known here, and believe what it knows."""
        if self._state is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self._state.exchange_news(
                    partial(apply_remote_state, breakers=self._breakers), self._meet
                )
            )
            group.create_task(self._report_in(self._state))

    async def _report_in(self, state: SharedFleetState) -> None:
        while True:
            report = WorkerReport(worker=state.worker, deployments=tuple(self.reports()))
            size = await state.publish_report(
                report.model_dump_json(), silent_s=3 * _REPORT_EVERY_S
            )
            self._rates.fleet_size = size or self._rates.fleet_size
            await asyncio.sleep(_REPORT_EVERY_S)

    def reports(self) -> Iterator[DeploymentReport]:
        """Every deployment as this worker sees it."""
        for name, room in self._rooms.items():
            quota = self._rates.quota(room.keys.deployment)
            yield DeploymentReport(
                deployment=name,
                breaker=room.keys.deployment,
                provider_breaker=room.keys.provider,
                state=state_name(self._breakers.state(room.keys.deployment)),
                in_flight=room.in_flight,
                concurrency=int(room.concurrency.limit),
                calls=room.calls,
                failures=room.failures,
                rpm=quota.rpm,
                tpm=quota.tpm,
                typical_s=room.latency.known_s,
            )

    def _meet(self, known: Sequence[BreakerNews]) -> None:
        assert self._state is not None  # noqa: S101 -- only `run` hands this over
        for news in resynchronise(known, self._breakers, self._state.worker, self._clock()):
            self._state.announce(news)

    async def _pass(
        self, room: DeploymentState, number: int
    ) -> tuple[BreakerPermit, ...] | BreakerRefused:
        """Through both breakers; a probe needs one of the fleet's few places first."""
        asked = self._breakers.preview(room.keys)
        if isinstance(asked, BreakerRefused):
            return asked
        wanted, used = _probed(room.keys, asked), set[str]()
        try:
            for key in wanted:
                if not await self._take_place(key, number):
                    room.probes_taken_until = self._clock() + self._rules.breaker.recheck_s
                    return BreakerRefused(room.probes_taken_until, "failures")
            passes = self._breakers.admit(room.keys)
            if not isinstance(passes, BreakerRefused):
                used.update(_probed(room.keys, passes))
            return passes
        finally:  # also when this very request is cancelled meanwhile
            self._free(set(wanted) - used, number)

    async def _take_place(self, breaker: str, number: int) -> bool:
        if self._state is None:
            return True
        return await self._state.take_probe(breaker, number, self._breakers.probe_limit(breaker))

    def _free(self, breakers: Iterable[str], number: int) -> None:
        if self._state is not None:
            for key in breakers:
                self._state.free_probe(key, number)

    def _leave(
        self, permit: CallPermit, deployment: BreakerSignal, provider: BreakerSignal
    ) -> None:
        room = self._out.pop(permit.number, None)
        if room is None:
            return
        room.in_flight -= 1
        signals = (deployment, provider)
        for key, breaker_permit, signal in zip(
            permit.keys, permit.breaker_permits, signals, strict=True
        ):
            self._breakers.report_call(key, breaker_permit, signal)
        self._free(permit.probing, permit.number)

    def _heard(self, transition: Transition) -> None:
        if self._note is not None:
            self._note(f"breaker {transition.breaker}: {transition.before} to {transition.after}")
        if transition.after == "closed":
            self._restart(transition.breaker)
        if self._state is not None and (news := announcement(transition, self._state.worker)):
            self._state.announce(news)
        self._changed.set()
        self._changed = asyncio.Event()
        self._hear(transition)

    def _restart(self, breaker: str) -> None:
        """What has recovered isn't hit by all that waited for it."""
        for room in self._rooms.values():
            if breaker in room.keys:
                room.restart(self._concurrency)


def breaker_keys(name: str, deployment: Deployment) -> BreakerKeys:
    """A model swapped in a deployment starts with a fresh breaker; a region fails on its own."""
    provider = deployment.provider
    return BreakerKeys(
        deployment=f"{provider}/{deployment.account}/{name}/{deployment.model}",
        provider=f"{provider}/{deployment.region}",
    )


def _probed(keys: BreakerKeys, passes: Sequence[BreakerPermit]) -> Sequence[str]:
    pairs = zip(keys, passes, strict=True)
    return [key for key, permit in pairs if permit.probe is not None]


def _tokens(usage: Usage | None) -> int:
    return 0 if usage is None else usage.input_total + usage.output
