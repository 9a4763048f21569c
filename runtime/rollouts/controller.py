"""Rollout controller: folds usage and ratings into running rollouts, and publishes their state."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from observability.evaluation.rollout.decision import Stay, after, decide, with_evidence
from observability.evaluation.rollout.evidence import RecentEvidence, slow_beyond_ms
from observability.evaluation.rollout.rollout_record import LATEST_MS, RolloutRecord
from producers.contract import UsageEvent, codec, topics
from producers.contract.feedback import Feedback
from producers.kafka.broker import Outgoing

LEDGER_TENANT: Final = "rollouts"
"""Under whose name the ledger and the live page have the decisions."""
_NEWS_MS: Final = 600_000
"""A decision of the operator that is older has been told already."""


class RolloutController:
    """What one controller process knows. It isn't asked and answers nobody; `look` is its work."""

    def __init__(self, model_of: Callable[[str], str | None]) -> None:
        """model_of: the model of a deployment, for the ledger."""
        self._model_of = model_of
        self._rollouts: dict[str, RolloutRecord] = {}
        self._recent: dict[str, RecentEvidence] = {}
        self._slow_ms: dict[str, float] = {}
        self._counted_ms: dict[str, int] = {}
        """Unix milliseconds of the newest event in the evidence that this process began with."""
        self._announced: list[Outgoing] = []

    def take(self, rollout: RolloutRecord, now_ms: int) -> None:
        """A state from the topic: the operator's, or our own."""
        known = self._rollouts.get(rollout.name)
        begins = known is None or known.salt != rollout.salt
        stops = known is not None and known.status == "running" and rollout.status == "stopped"
        if not begins and not stops:
            return  # our own
        if begins:
            self._recent[rollout.name] = RecentEvidence()
            self._counted_ms[rollout.name] = rollout.seen_ms
        self._rollouts[rollout.name] = rollout
        self._measure(rollout)
        if stops:
            # a state of ours may have come to the topic after it, and would go on drawing requests
            self._announced.append(rollout_record(rollout))
        if rollout.decisions and now_ms - rollout.decisions[-1].at_ms < _NEWS_MS:
            model = self._model_of(rollout.candidate)
            self._announced.append(decision_record(rollout, model))

    def add_usage(self, event: UsageEvent) -> None:
        """One request's account."""
        rollout = None if event.rollout is None else self._rollouts.get(event.rollout.name)
        if rollout is None or rollout.status != "running":
            return
        if self._counted_ms[rollout.name] < event.at_ms <= LATEST_MS:
            slow_ms = self._slow_ms[rollout.name]
            self._recent[rollout.name].add(event, rollout, slow_ms)

    def add_feedback(self, feedback: Feedback) -> None:
        """A word on an answer."""
        for name, rollout in self._rollouts.items():
            if rollout.status == "running":
                self._recent[name].rate(feedback)

    def look(self, now_ms: int) -> Iterator[Outgoing]:
        """The records to publish: the state of each running rollout, and its decision if any."""
        announced, self._announced = self._announced, []
        yield from announced
        for name, rollout in list(self._rollouts.items()):
            if rollout.status != "running":
                continue
            recent = self._recent[name]
            control, candidate, latencies = recent.take()
            known = with_evidence(rollout, control, candidate, latencies, recent.newest_ms)
            verdict = decide(known, now_ms)
            decided = after(known, verdict, now_ms)
            self._rollouts[name] = decided
            self._measure(decided)
            if decided != rollout:
                yield rollout_record(decided)
            if not isinstance(verdict, Stay):
                yield decision_record(decided, self._model_of(decided.candidate))

    def _measure(self, rollout: RolloutRecord) -> None:
        slow_ms = slow_beyond_ms(rollout.latencies, rollout.rules.slow_factor)
        self._slow_ms[rollout.name] = slow_ms


def rollout_record(rollout: RolloutRecord) -> Outgoing:
    """A rollout's state as a record of its topic."""
    return Outgoing(topics.ROLLOUTS, codec.encode(rollout), rollout.name.encode())


def decision_record(rollout: RolloutRecord, model: str | None) -> Outgoing:
    """A rollout's latest decision, for the ledger and the live page."""
    decision = rollout.decisions[-1]
    summary = f"rollout {rollout.name} of {rollout.candidate}: {rollout.status}, "
    event = UsageEvent(
        id=f"{rollout.name[:100]}:rollout:{decision.at_ms}",
        tenant=LEDGER_TENANT,
        at_ms=decision.at_ms,
        outcome="done",
        tier=rollout.tier,
        deployment=rollout.candidate,
        model=model,
        cost_micro_usd=Decimal(0),
        aside="rollout",
        summary=f"{summary}{decision.share:.0%} of the tier; {decision.why}",
    )
    headers = codec.to_headers({codec.TENANT_HEADER: LEDGER_TENANT})
    return Outgoing(topics.USAGE, codec.encode(event), LEDGER_TENANT.encode(), headers)
