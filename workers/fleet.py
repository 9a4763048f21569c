"""May this worker call a deployment now, given all that the fleet knows of it?

`gate` answers for the plan, `admit` takes the place, and `settle` or `abandon` gives it back,
exactly once. None of them waits for the network while the deployment is healthy.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from .breaker import Pass, Refused
from .breaker_rules import BreakerRules, Ignored, Signal
from .breakers import Breakers, Clock, Hear, Transition
from .catalog import Catalog, Deployment
from .providers.outcome import Outcome
from .situation import Gate, Ready, Shut
from .verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of the two breakers that a call must pass."""

    deployment: str
    provider: str


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one call of `target` now. at: when it was given."""

    target: str
    at: float
    tokens: int
    keys: Keys
    deployment: Pass
    provider: Pass


class Fleet:
    """What this process knows of every deployment's health and room."""

    def __init__(self, catalog: Catalog, clock: Clock, hear: Hear, rules: BreakerRules) -> None:
        self._clock = clock
        self._rules = rules
        self._hear = hear
        self._breakers = Breakers(rules, clock, self._heard)
        self._changed = asyncio.Event()
        self._keys: dict[str, Keys] = {}
        self.configure(catalog)

    def configure(self, catalog: Catalog) -> None:
        """Take over a new catalog; deployments that stayed the same keep their state."""
        self._keys = {name: _keys(name, one) for name, one in catalog.deployments.items()}

    def gate(self, target: str, tokens: int) -> Gate:  # noqa: ARG002 -- token limits come next
        """Whether `admit` would let a call of about `tokens` tokens through now."""
        keys = self._keys[target]
        answer = self._breakers.ask((keys.deployment, keys.provider))
        if isinstance(answer, Refused):
            return Shut(answer.until, answer.reason)
        return Ready(probe=any(ticket.probe is not None for ticket in answer))

    async def admit(self, target: str, tokens: int) -> Permit | Shut:
        """Take a place for one call of about `tokens` tokens: to be settled or abandoned."""
        keys = self._keys[target]
        answer = self._breakers.admit((keys.deployment, keys.provider))
        if isinstance(answer, Refused):
            return Shut(answer.until, answer.reason)
        deployment, provider = answer
        return Permit(target, self._clock(), tokens, keys, deployment, provider)

    def settle(self, permit: Permit, outcome: Outcome) -> Verdict:
        """The call has ended with `outcome`; its verdict."""
        verdict = judge(outcome, self._clock() - permit.at, self._rules.slow_after_s)
        self._report(permit, verdict.deployment, verdict.provider)
        return verdict

    def abandon(self, permit: Permit) -> None:
        """The call was cancelled: it says nothing of the deployment."""
        self._report(permit, Ignored(), Ignored())

    async def wait(self, seconds: float) -> None:
        """Sleep `seconds`, or less when a breaker changes meanwhile."""
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await changed.wait()

    def _report(self, permit: Permit, deployment: Signal, provider: Signal) -> None:
        self._breakers.report(permit.keys.deployment, permit.deployment, deployment)
        self._breakers.report(permit.keys.provider, permit.provider, provider)

    def _heard(self, transition: Transition) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._hear(transition)


def _keys(name: str, deployment: Deployment) -> Keys:
    """A model swapped in a deployment starts with a fresh breaker; a region fails on its own."""
    provider = deployment.provider
    return Keys(
        deployment=f"{provider}/{deployment.account}/{name}/{deployment.model}",
        provider=f"{provider}/{deployment.region}",
    )
