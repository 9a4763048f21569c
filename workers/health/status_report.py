"""Status reports: what each worker reports of its deployments, and their sum over the fleet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, FailFast, Field

from runtime.fleet.speed_reports import SpeedReport
from runtime.speed.observed_speed import ObservedSpeed, merged
from workers.health.breaker_registry import StateName
from workers.health.shared_state import BreakerNews

_Count: TypeAlias = Annotated[int, Field(ge=0, le=2**53)]
_Number: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""What can be added up and written as JSON: whoever reaches Redis may write a report."""


class DeploymentReport(BaseModel):
    """One deployment as one worker sees it; the fields are those of the stored JSON."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    deployment: str
    breaker: str
    provider_breaker: str
    state: StateName
    in_flight: _Count
    concurrency: _Count
    calls: _Count
    failures: _Count
    rpm: _Number | None = None
    """Requests a minute; None = no limit known."""
    tpm: _Number | None = None
    """Tokens a minute; None = no limit known."""
    typical_s: _Number | None = None
    """The time within which 95 % of the calls give their first token, once it is known."""
    speed: SpeedReport | None = None
    """Means of its calls; None: it had none of late."""


class WorkerReport(BaseModel):
    """All that one worker reports."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    worker: str
    deployments: Annotated[tuple[DeploymentReport, ...], FailFast()]


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """One deployment for the whole fleet: counts are sums over its workers."""

    deployment: str
    breaker: str
    state: str
    reason: str
    """Why its breaker is open, and for how long or by whom; empty when it isn't."""
    in_flight: int
    concurrency: int
    calls: int
    failures: int
    rpm: float | None
    tpm: float | None
    typical_s: float | None
    first_token_s: float | None = None
    """Mean time to the first token lately; None: not measured."""
    tokens_per_s: float | None = None
    """From the first token on; None: not measured."""


def fleet_status(
    reports: Iterable[WorkerReport], news: Iterable[BreakerNews]
) -> list[DeploymentStatus]:
    """One line a deployment, by name; what the fleet was told of a breaker beats what one saw."""
    by_deployment: dict[str, list[DeploymentReport]] = {}
    for worker in reports:
        for report in worker.deployments:
            by_deployment.setdefault(report.deployment, []).append(report)
    news_of = {entry.breaker: entry for entry in news}
    return [_sum(name, by_deployment[name], news_of) for name in sorted(by_deployment)]


def _sum(
    name: str, reports: Sequence[DeploymentReport], news_of: Mapping[str, BreakerNews]
) -> DeploymentStatus:
    first = reports[0]
    news = news_of.get(first.breaker) or news_of.get(first.provider_breaker)
    half_open = any(report.state == "half_open" for report in reports)
    speed = merged(map(_observed, reports))
    typical = [report.typical_s for report in reports if report.typical_s is not None]
    return DeploymentStatus(
        deployment=name,
        breaker=first.breaker,
        state=news.state if news else "half_open" if half_open else "closed",
        reason=_reason(news) if news else "",
        in_flight=sum(report.in_flight for report in reports),
        concurrency=sum(report.concurrency for report in reports),
        calls=sum(report.calls for report in reports),
        failures=sum(report.failures for report in reports),
        rpm=_least(report.rpm for report in reports),
        tpm=_least(report.tpm for report in reports),
        typical_s=max(typical) if typical else None,
        first_token_s=speed.first_token_s if speed.calls else None,
        tokens_per_s=speed.tokens_per_s,
    )


def _observed(report: DeploymentReport) -> ObservedSpeed:
    return ObservedSpeed() if report.speed is None else ObservedSpeed(**report.speed.model_dump())


def _reason(news: BreakerNews) -> str:
    detail = f"{news.for_s:.1f} s left" if news.state == "open" else f"by {news.by}"
    whose = f" of {news.tenant}'s calls" if news.tenant else ""
    return f"{news.reason}{whose}, {detail}"


def _least(limits: Iterable[float | None]) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
