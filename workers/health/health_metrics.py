"""Health gauges: each deployment's breaker, limit and speed, as this process sees them."""

import asyncio
from collections.abc import Mapping
from typing import Final

from observability.metrics.registry import MetricsRegistry
from observability.metrics.series import Labels
from workers.health.admission import DeploymentAdmission
from workers.health.breaker_registry import StateName

STATES: Final[Mapping[StateName, int]] = {
    "closed": 0,
    "forced_closed": 0,
    "half_open": 1,
    "open": 2,
    "forced_open": 2,
}
_EVERY_S: Final = 1.0


async def update_health_gauges(admission: DeploymentAdmission, metrics: MetricsRegistry) -> None:
    """Show them anew every second, until cancelled."""
    while True:
        states: dict[Labels, float] = {}
        limits: dict[Labels, float] = {}
        first_tokens: dict[Labels, float] = {}
        rates: dict[Labels, float] = {}
        for report in admission.reports():
            states[report.deployment,] = STATES[report.state]
            limits[report.deployment,] = report.concurrency
            speed = report.speed
            if speed is not None:
                first_tokens[report.deployment,] = speed.first_token_s
                if speed.generation_s:
                    rates[report.deployment,] = speed.tokens / speed.generation_s
        metrics.replace_series("switchgear_breaker_state", states)
        metrics.replace_series("switchgear_concurrency_limit", limits)
        metrics.replace_series("switchgear_mean_first_token_seconds", first_tokens)
        metrics.replace_series("switchgear_mean_tokens_per_second", rates)
        await asyncio.sleep(_EVERY_S)
