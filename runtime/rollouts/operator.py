"""Operator's part of rollouts: what is there, a new one, and the end of one."""

import time
from collections.abc import Iterable
from typing import Final

from observability.evaluation.rollout.decision import PROVEN_FROM, started, stopped
from observability.evaluation.rollout.rollout_record import RolloutRecord, RolloutRules
from producers.contract import topics
from producers.contract.codec import MAX_MESSAGE_VALUES
from producers.json_values import too_many_values
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Record
from runtime.config.catalog import Catalog
from runtime.consuming.topic_log import TopicLog
from runtime.process.process import signer_of
from runtime.process.settings import ServiceSettings
from runtime.process.signing_publisher import SigningPublisher
from runtime.rollouts.controller import rollout_record

_CLIENT: Final = "switchgear-rollout"
_ALL_S: Final = 20 * 365 * 86_400.0


class RolloutRefusedError(ValueError):
    """It can't be started or stopped; for a person."""


async def list_rollouts(settings: ServiceSettings) -> dict[str, RolloutRecord]:
    """The newest state of each, by name. Raises KafkaError."""
    known: dict[str, RolloutRecord] = {}

    def receive(record: Record) -> None:
        if too_many_values(record.value, MAX_MESSAGE_VALUES):
            raise ValueError("more values than a rollout has")
        rollout = RolloutRecord.model_validate_json(record.value)
        known[rollout.name] = rollout

    log = TopicLog(settings, topics.ROLLOUTS, _CLIENT, receive, _ALL_S)
    async with log.following():
        return dict(sorted(known.items()))


async def start_rollout(
    settings: ServiceSettings,
    catalog: Catalog,
    name: str,
    place: tuple[str, str],
    rules: RolloutRules,
) -> RolloutRecord:
    """Begins one. place: (tier, candidate). Raises RolloutRefusedError, KafkaError."""
    tier, candidate = place
    problem = rollout_problem(catalog, tier, candidate, rules)
    if problem is not None:
        raise RolloutRefusedError(problem)
    problem = rollout_beside(name, tier, (await list_rollouts(settings)).values())
    if problem is not None:
        raise RolloutRefusedError(problem)
    rollout = started(name, tier, candidate, rules, _now_ms())
    await _publish(settings, rollout)
    return rollout


async def stop_rollout(settings: ServiceSettings, name: str) -> RolloutRecord:
    """Ends one: nobody is drawn any more. Raises RolloutRefusedError, KafkaError."""
    known = await list_rollouts(settings)
    if name not in known:
        there = ", ".join(known) or "none"
        raise RolloutRefusedError(f"there is no rollout {name!r}; there are: {there}")
    rollout = stopped(known[name], _now_ms())
    await _publish(settings, rollout)
    return rollout


def rollout_problem(catalog: Catalog, tier: str, candidate: str, rules: RolloutRules) -> str | None:
    """Why a rollout can't be started with these rules; None: it can."""
    if tier not in catalog.tiers:
        return f"there is no tier {tier!r}; there are: {', '.join(catalog.tiers)}"
    deployments = catalog.tiers[tier].deployments
    if candidate not in deployments:
        return f"tier {tier} doesn't list {candidate!r}; it lists: {', '.join(deployments)}"
    if len(deployments) == 1:
        return f"tier {tier} has no other deployment that {candidate} could be held against"
    if catalog.deployments[candidate].on_request:
        return f"{candidate} is on_request, so the router would never ask it"
    return _problem_of_steps(rules)


def rollout_beside(name: str, tier: str, others: Iterable[RolloutRecord]) -> str | None:
    """Which rollout that still draws requests is in the way of a new one; None: none is."""
    for other in others:
        if other.status not in {"running", "promoted"}:
            continue
        if other.name == name or (other.tier == tier and other.status == "running"):
            return f"rollout {other.name} is {other.status} in tier {other.tier}: stop it"
        if other.tier == tier:
            first = f"put {other.candidate} first there"
            return f"rollout {other.name} is promoted in tier {tier}: {first}, then stop it"
    return None


def _problem_of_steps(rules: RolloutRules) -> str | None:
    if list(rules.steps) != sorted(set(rules.steps)) or rules.steps[0] == 0:
        return "the steps must rise, from above 0 to 1 at most"
    if rules.success and rules.steps[0] >= PROVEN_FROM:
        most = f"{PROVEN_FROM:.0%}"
        return f"the first step must be below {most}: more is for what was shown to be as good"
    return None


async def _publish(settings: ServiceSettings, rollout: RolloutRecord) -> None:
    signer = signer_of(settings)
    async with KafkaBroker(settings, _CLIENT) as broker:
        publisher = broker if signer is None else SigningPublisher(broker, signer)
        await publisher.publish(rollout_record(rollout))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
