"""Speed reports: read in pages, whatever else lies there, and never missed when they are gone."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from producers.contract.batch_record import BatchRecord
from runtime import limits
from runtime.fleet.speed_reports import FleetSpeeds, reported, reported_speeds
from runtime.redis.connection import RedisLink
from runtime.speed.observed_speed import HALF_LIFE_S, ObservedSpeed
from workers.health.status_report import WorkerReport


class Reports:
    """A Redis that holds reports, two to a page, and can be away."""

    def __init__(self, stored: Mapping[bytes, bytes]) -> None:
        self.pages = [dict(list(stored.items())[at : at + 2]) for at in range(0, len(stored), 2)]
        self.away = False

    async def execute_command(self, *command: Any, **_options: Any) -> Any:  # noqa: ANN401 - Redis'
        assert command[0] == "HSCAN"
        if self.away:
            raise RedisConnectionError
        cursor = int(command[2])
        following = cursor + 1 if cursor + 1 < len(self.pages) else 0
        return following, self.pages[cursor] if self.pages else {}

    @property
    def redis(self) -> Redis:
        return cast("Redis", self)


def report(worker: str, calls: float = 10.0, first_s: float = 1.0, **changes: Any) -> bytes:  # noqa: ANN401
    speed = {"calls": calls, "first_token_s": first_s, "tokens": 50, "generation_s": 1, **changes}
    deployments = [{"deployment": "d", "speed": speed}, {"deployment": "idle", "speed": None}]
    return json.dumps({"worker": worker, "deployments": deployments}).encode()


async def test_all_pages_are_read_and_the_workers_weighed() -> None:
    stored = Reports({b"%d" % n: report(f"w{n}", 10, float(n)) for n in range(5)})
    speeds = await reported_speeds(stored.redis)
    assert speeds.keys() == {"d"}
    assert speeds["d"].calls == 50
    assert speeds["d"].first_token_s == pytest.approx(2.0)


async def test_the_asking_worker_is_left_out() -> None:
    stored = Reports({b"1": report("w1", 10, 1.0), b"2": report("w2", 10, 3.0)})
    speeds = await reported_speeds(stored.redis, without="w1")
    assert speeds["d"].first_token_s == pytest.approx(3.0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xfe",
        b"[]",
        b'{"worker": "w"}',
        report("w", first_s=float("nan")),
        report("w", calls=-1),
        report("w", tokens="many"),
        b" " * (2 << 20),
    ],
    ids=["bytes", "list", "part", "nan", "negative", "words", "large"],
)
async def test_what_cannot_be_read_hides_nobody_else(garbage: bytes) -> None:
    speeds = await reported_speeds(Reports({b"x": garbage, b"1": report("w1")}).redis)
    assert speeds["d"].first_token_s == pytest.approx(1.0)


async def test_a_report_of_more_values_than_any_worker_has_is_passed_over() -> None:
    crowded = json.loads(report("w1", 10, 1.0))
    crowded["deployments"] *= limits.MESSAGE_VALUES.value // 5
    stored = Reports({b"1": json.dumps(crowded).encode(), b"2": report("w2", 10, 3.0)})
    speeds = await reported_speeds(stored.redis)
    assert speeds["d"].first_token_s == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (WorkerReport, "deployments"),
        *((BatchRecord, name) for name in ("partitions", "offsets", "left_out")),
    ],
)
def test_a_list_is_read_up_to_its_first_wrong_element(message: type[BaseModel], name: str) -> None:
    with pytest.raises(ValidationError) as told:
        message.model_validate_json(json.dumps({name: [{"a": []}] * 1_000}))
    places = [error["loc"][1] for error in told.value.errors() if error["loc"][0] == name]
    assert set(places) == {0}


async def test_without_redis_or_reports_the_last_speeds_fade() -> None:
    stored, now = Reports({b"1": report("w1")}), [0.0]
    speeds = FleetSpeeds(RedisLink(stored.redis), clock=lambda: now[0])
    await speeds.look()
    assert speeds.observed["d"].calls == 10
    stored.away, now[0] = True, HALF_LIFE_S
    await speeds.look()
    assert speeds.observed["d"].calls == pytest.approx(5)
    now[0] = 20 * HALF_LIFE_S
    await speeds.look()
    assert speeds.observed == {}


def test_a_worker_reports_what_it_has_seen_of_late() -> None:
    assert reported(ObservedSpeed(), 0.0) is None
    seen = reported(ObservedSpeed(8, 0.5, 20, 1.0, at=0.0), HALF_LIFE_S)
    assert seen is not None
    assert (seen.calls, seen.first_token_s) == (4.0, 0.5)
    assert reported(ObservedSpeed(8, 0.5, 20, 1.0, at=0.0), 30 * HALF_LIFE_S) is None
