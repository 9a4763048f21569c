import io
import json

import pytest
from rich.console import Console

from workers.commands.fleet_status import FleetView, fleet_json, fleet_tables, readable_reports
from workers.health.status_report import DeploymentStatus, fleet_status

HELD = DeploymentStatus(
    deployment="a",
    breaker="acme/default/a/m",
    state="forced_open",
    reason="forced, by [/x]\x1b[2J",
    in_flight=2,
    concurrency=64,
    calls=10,
    failures=1,
    rpm=1200,
    tpm=None,
    typical_s=0.7,
)
VIEW = FleetView(["w1"], [HELD], {"switchgear-economy": 3, "switchgear-premium": None})


def test_the_tables_show_who_holds_a_breaker_and_obey_nobody() -> None:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True).print(fleet_tables(VIEW))
    text = out.getvalue()
    assert r"forced, by [/x]\x1b[2J" in text
    assert "\x1b[2J" not in text
    for shown in ("1 workers", "forced_open", "2/64", "1,200", "0.70 s", "no commit yet"):
        assert shown in text


def test_a_program_gets_every_field() -> None:
    view = json.loads(fleet_json(VIEW))
    assert view["workers"] == ["w1"]
    assert view["deployments"][0]["reason"] == HELD.reason
    assert view["lag"] == {"switchgear-economy": 3, "switchgear-premium": None}


@pytest.mark.parametrize("field", ["in_flight", "concurrency", "calls", "failures", "rpm", "tpm"])
@pytest.mark.parametrize("junk", ["NaN", "Infinity", "1e400", "-1", "9" * 4_300])
def test_a_report_that_cannot_be_added_up_is_skipped_and_no_other_is(field: str, junk: str) -> None:
    good = {
        "deployment": "a",
        "breaker": "b",
        "provider_breaker": "p",
        "state": "closed",
        **dict.fromkeys(("in_flight", "concurrency", "calls", "failures"), 1),
    }
    texts = [
        json.dumps({"worker": name, "deployments": [good | changed]}).replace('"junk"', junk)
        for name, changed in (("w1", {}), ("w2", {field: "junk"}), ("w3", {field: "junk"}))
    ]
    reports = list(readable_reports(text.encode() for text in texts))
    status = fleet_status(reports, ())
    assert [report.worker for report in reports] == ["w1"]
    text = fleet_json(FleetView([], status, {}))
    assert "NaN" not in text
    assert "Infinity" not in text
