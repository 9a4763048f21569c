"""Order by time: which deployments are in time, and which is best by the request's objective?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from runtime.config.pricing import is_committed
from runtime.speed.expected_speed import ExpectedSpeed, expected_speed, is_far
from runtime.speed.objective import Rank, rank
from runtime.speed.time_limits import TimeLimits
from workers.calling.config_snapshot import ConfigSnapshot
from workers.delivery.work_item import WorkItem
from workers.health.admission import DeploymentAdmission


@dataclass(slots=True)
class TimeOrder:
    """Of one request; a speed is looked up once for it."""

    item: WorkItem
    snapshot: ConfigSnapshot
    admission: DeploymentAdmission
    _speeds: dict[str, ExpectedSpeed] = field(default_factory=dict)

    @property
    def matters(self) -> bool:
        """Whether the request asks for anything of time."""
        item = self.item
        if item.route.objective != "cost" or item.request.routing.max_ttft_ms is not None:
            return True
        left_s = item.left_s(time.time() * 1000)
        return left_s is not None and not is_far(left_s, item.route.demands.output_tokens)

    def sort(self, names: list[str], costs: Mapping[str, Decimal | None]) -> None:
        """Those in time first, of those that are late the fastest; else by the objective.

        costs: of a call, micro-dollars. Where the price alone decides, the order of `names` stays.
        """
        limits, objective = self._limits(), self.item.route.objective

        def place(name: str) -> tuple[bool, Rank | tuple[()]]:
            speed = self._speed_of(name)
            answer_s = speed.answer_s(limits.most_tokens)
            if limits.overrun(speed) is not None:
                return True, rank("latency", costs[name], answer_s)
            if objective == "cost":
                return False, ()
            free = is_committed(self.snapshot.deployment(name))
            return False, rank(objective, Decimal(0) if free else costs[name], answer_s)

        names.sort(key=place)

    def _limits(self) -> TimeLimits:
        item, now_ms = self.item, time.time() * 1000
        begin_ms, elapsed_s = item.request.routing.max_ttft_ms, (now_ms - item.submitted_ms) / 1000
        return TimeLimits(
            left_s=item.left_s(now_ms),
            begin_left_s=None if begin_ms is None else begin_ms / 1000 - elapsed_s,
            streams=item.request.body.stream,
            most_tokens=item.route.demands.output_tokens,
        )

    def _speed_of(self, name: str) -> ExpectedSpeed:
        speed = self._speeds.get(name)
        if speed is None:
            assumed = self.snapshot.assumed_speeds[name]
            speed = expected_speed(assumed, self.admission.observed_speed(name))
            self._speeds[name] = speed
        return speed
