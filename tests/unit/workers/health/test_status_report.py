from runtime.fleet.speed_reports import SpeedReport
from workers.health.breaker_registry import StateName
from workers.health.shared_state import BreakerNews
from workers.health.status_report import (
    DeploymentReport,
    DeploymentStatus,
    WorkerReport,
    fleet_status,
)


def report(worker: str, state: StateName = "closed", **seen: float) -> WorkerReport:
    told = DeploymentReport(
        deployment="a",
        breaker="acme/default/a/m",
        provider_breaker="acme/global",
        state=state,
        in_flight=2,
        concurrency=64,
        calls=10,
        failures=1,
        rpm=seen.get("rpm"),
        typical_s=seen.get("typical_s"),
    )
    return WorkerReport(worker=worker, deployments=(told,))


def test_what_the_workers_tell_adds_up() -> None:
    (line,) = fleet_status([report("w1", rpm=600, typical_s=0.4), report("w2", typical_s=0.7)], [])
    assert line == DeploymentStatus(
        deployment="a",
        breaker="acme/default/a/m",
        state="closed",
        reason="",
        in_flight=4,
        concurrency=128,
        calls=20,
        failures=2,
        rpm=600,
        tpm=None,
        typical_s=0.7,
    )


def test_the_fleets_word_beats_what_one_worker_saw() -> None:
    opened = BreakerNews("acme/default/a/m", "open", "w1", "rate_limited", 2.34)
    (line,) = fleet_status([report("w1"), report("w2", "half_open")], [opened])
    assert (line.state, line.reason) == ("open", "rate_limited, 2.3 s left")
    (line,) = fleet_status([report("w1"), report("w2", "half_open")], [])
    assert line.state == "half_open"
    held = BreakerNews("acme/global", "forced_open", "ann", "forced")
    (line,) = fleet_status([report("w1")], [held])
    assert (line.state, line.reason) == ("forced_open", "forced, by ann")


def test_speeds_are_weighed_by_the_workers_calls() -> None:
    def measured(worker: str, calls: float, first_s: float) -> WorkerReport:
        seen = SpeedReport(calls=calls, first_token_s=first_s, tokens=100, generation_s=2)
        (told,) = report(worker).deployments
        changed = told.model_copy(update={"speed": seen})
        return WorkerReport(worker=worker, deployments=(changed,))

    (line,) = fleet_status([measured("w1", 3, 1.0), measured("w2", 1, 5.0), report("w3")], [])
    assert (line.first_token_s, line.tokens_per_s) == (2.0, 50.0)
