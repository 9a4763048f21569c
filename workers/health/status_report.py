"""What does each worker tell `status`, and what does it add up to for the fleet?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from workers.health.breaker_registry import StateName
from workers.health.shared_state import BreakerNews


class DeploymentReport(BaseModel):
    """One deployment as one worker sees it. Limits: None = no limit known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deployment: str
    breaker: str
    provider_breaker: str
    state: StateName
    in_flight: int
    concurrency: int
    calls: int
    failures: int
    rpm: float | None = None
    tpm: float | None = None
    typical_s: float | None = None


class WorkerReport(BaseModel):
    """All that one worker tells."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str
    deployments: tuple[DeploymentReport, ...]


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One deployment for the whole fleet. reason: of its breaker."""

    deployment: str
    breaker: str
    state: str
    reason: str
    in_flight: int
    concurrency: int
    calls: int
    failures: int
    rpm: float | None
    tpm: float | None
    typical_s: float | None


def fleet_status(
    reports: Iterable[WorkerReport], news: Iterable[BreakerNews]
) -> list[DeploymentStatus]:
    """One line a deployment, by name; what the fleet was told of a breaker beats what one saw."""
    seen: dict[str, list[DeploymentReport]] = {}
    for report in reports:
        for one in report.deployments:
            seen.setdefault(one.deployment, []).append(one)
    told = {one.breaker: one for one in news}
    return [_line(name, seen[name], told) for name in sorted(seen)]


def _line(
    name: str, seen: Sequence[DeploymentReport], told: dict[str, BreakerNews]
) -> DeploymentStatus:
    first = seen[0]
    news = told.get(first.breaker) or told.get(first.provider_breaker)
    half_open = any(one.state == "half_open" for one in seen)
    typical = [one.typical_s for one in seen if one.typical_s is not None]
    return DeploymentStatus(
        deployment=name,
        breaker=first.breaker,
        state=news.state if news else "half_open" if half_open else "closed",
        reason=_reason(news) if news else "",
        in_flight=sum(one.in_flight for one in seen),
        concurrency=sum(one.concurrency for one in seen),
        calls=sum(one.calls for one in seen),
        failures=sum(one.failures for one in seen),
        rpm=_least(one.rpm for one in seen),
        tpm=_least(one.tpm for one in seen),
        typical_s=max(typical) if typical else None,
    )


def _reason(news: BreakerNews) -> str:
    left = f", {news.for_s:.1f} s left" if news.state == "open" else f", by {news.by}"
    return news.reason + left


def _least(limits: Iterable[float | None]) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
