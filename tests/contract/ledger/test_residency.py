"""Whose data went where, from every store, and signed for an auditor."""

import json
import subprocess
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from typer.testing import CliRunner

from observability.ledger.ledger import UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.reports.period import ReportPeriod
from observability.reports.residency.report import as_document, residency_report
from observability.reports.residency.signed_report import (
    ReportKeyError,
    SignatureInvalidError,
    read_key,
    signed,
    verified,
)
from producers.contract import UsageEvent
from producers.contract.attempt import Attempt, Usage
from producers.contract.reply import CacheOutcome
from switchgear.app import switchgear_app
from tests.contract.ledger.places import Place
from tests.unit.observability.usage_events import usage_event

DAY_MS = 86_400_000
START_MS = 1_780_000_000_000
PERIOD = ReportPeriod(START_MS, START_MS + 90 * DAY_MS)


def event(number: int, *calls: Attempt, **changes: object) -> UsageEvent:
    told = {"tenant": "acme", "at_ms": START_MS + number * 7 * DAY_MS, "task": "chat"}
    bound = {"residency": ("eu",), "aside": None, "cache": CacheOutcome(result="miss")}
    return usage_event(number).model_copy(update={**told, **bound, "attempts": calls, **changes})


def call(deployment: str, zone: str | None, outcome: str = "ok") -> Attempt:
    usage = Usage(input_uncached=10, cache_read=5, output=2)
    return Attempt(deployment=deployment, zone=zone, outcome=outcome, usage=usage)


EVENTS = [
    event(1, call("paris", "eu", "overloaded"), call("rome", "eu")),
    event(2, call("rome", "eu")),
    event(3, cache=CacheOutcome(result="hit")),
    event(4, call("ohio", "us"), residency=None),
    event(5, call("ohio", "us")),
    event(6, call("older", None)),
    event(7, call("rome", "eu"), tenant="globex"),
    event(8, call("rome", "eu"), aside="judge"),
    event(40, call("rome", "eu")),
]


def test_every_call_is_in_it_with_its_zone_and_what_was_allowed(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch(EVENTS, {}))
    with ledger.reading() as db:
        report = residency_report(db, "acme", PERIOD, "eu")
        nobody = residency_report(db, "nobody", PERIOD, "eu")
    counted = {(to.data, to.purpose, to.residency, to.zone, to.deployment): flow.number
               for to, flow in report.flows.items()}  # fmt: skip
    assert counted == {
        ("prompt", "request", "eu", "eu", "paris"): 1,
        ("prompt and answer", "request", "eu", "eu", "rome"): 2,
        ("stored answer", "request", "eu", "eu", ""): 1,
        ("prompt and answer", "request", "any", "us", "ohio"): 1,
        ("prompt and answer", "request", "eu", "us", "ohio"): 1,
        ("prompt and answer", "request", "eu", "unknown", "older"): 1,
        ("prompt and answer", "judge", "eu", "eu", "rome"): 1,
    }
    assert report.requests == 6
    assert [(found.zone, found.request) for found in report.outside] == [("us", EVENTS[4].id)]
    rome = next(flow for to, flow in report.flows.items() if to.deployment == "rome")
    assert rome.input_tokens == 15 * rome.number
    assert nobody.flows == {}


def test_a_signed_report_is_verified_and_a_changed_one_is_not(place: Place) -> None:
    ledger = place.empty()
    ledger.book(UsageBatch(EVENTS, {}))
    with ledger.reading() as db:
        document = as_document(residency_report(db, "acme", PERIOD, "eu"), START_MS)
    key, other = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    public = read_key(key.as_pem(private=False).decode())
    text = signed(document, key)
    assert verified(text, public) == document
    wrapped = json.loads(text)
    changed = {**wrapped, "payload": wrapped["payload"][:-4] + "AAAA"}
    for wrong in (json.dumps(changed), "{}", "no JSON", "[" * 100_000, text[:-20], "null"):
        with pytest.raises(SignatureInvalidError):
            verified(wrong, public)
    with pytest.raises(SignatureInvalidError):
        verified(text, other)
    with pytest.raises(ReportKeyError, match="public"):
        signed(document, public)


@pytest.mark.parametrize(
    "told", [None, "", "{}", "-----BEGIN nothing", '{"kty": "oct", "k": "AA"}']
)
def test_a_key_that_is_none_says_how_to_make_one(told: str | None) -> None:
    with pytest.raises(ReportKeyError, match="openssl genpkey"):
        read_key(told)


def test_the_commands_with_a_key_that_openssl_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    for command in (
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)],
        ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(command, check=True)
    file, out = tmp_path / "ledger.duckdb", tmp_path / "report.jws"
    ledger = ledger_at(str(file))
    ledger.create()
    ledger.book(UsageBatch(EVENTS[:4], {}))
    monkeypatch.setenv("SWITCHGEAR_REPORT_KEY", str(private))
    monkeypatch.setenv("SWITCHGEAR_ZONE", "eu")
    run, app = CliRunner(), switchgear_app()
    asked = ["report", "residency", "--tenant", "acme", "--since", "2020-01-01",
             "--until", "2100-01-01", "--ledger", str(file)]  # fmt: skip
    shown = run.invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "No call went to a zone" in shown.output
    made = run.invoke(app, [*asked, "--format", "json", "--out", str(out)])
    assert made.exit_code == 0, made.output
    genuine = run.invoke(app, ["report", "verify", str(out), "--key", str(public)])
    assert json.loads(genuine.output)["tenant"] == "acme"
    out.write_text(out.read_text().replace('"signature": "', '"signature": "A'))
    assert run.invoke(app, ["report", "verify", str(out), "--key", str(public)]).exit_code == 1
