"""What did a chaos run show?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.chaos import ledger
from tests.chaos.faults import POISON
from tests.chaos.run import Evidence

_MOST_SHOWN: Final = 5


def verdict(evidence: Evidence) -> dict[str, Any]:
    """The figures, for people and programs; `broken` lists the promises that weren't kept."""
    requests, faults = evidence.requests, evidence.faults
    extra, unexplained = ledger.paid_in_vain(requests, faults)
    died_unbooked, unbooked = ledger.unbooked(requests, faults)
    found = {
        "lost": ledger.lost(requests),
        "answered_differently": ledger.contradicted(requests, faults),
        "streams_torn": ledger.torn(requests, faults),
        "conversations_out_of_order": ledger.disordered(requests, faults),
        "answers_of_others": ledger.of_others(requests),
        "paid_in_vain_unexplained": unexplained,
        "answered_without_account": ledger.unaccounted(requests),
        "unbooked_unexplained": unbooked,
        "fewer_tokens_booked_than_counted": ledger.underbooked(requests),
        "callers_unanswered": ledger.unanswered(requests),
        "callers_told_otherwise": ledger.told_otherwise(requests),
    }
    rows = list(_faults(evidence, extra))
    broken = [name for name, ids in found.items() if ids]
    if evidence.not_booked:
        broken.append("accounts_missing_in_the_ledger")
    broken += [
        f"{row['fault']}: more calls in vain than in flight"
        for row in rows
        if row["fault"].startswith("kill -9") and row["calls_in_vain"] > row["in_flight"]
    ]
    return {
        "seconds": round(evidence.seconds, 1),
        "rate": evidence.plan.rate,
        **_counts(evidence),
        "unbooked_calls_of_victims": died_unbooked,
        "answered_again_without_record": len(ledger.without_record(requests, faults)),
        "answered_again_after_a_minute": ledger.answered_late_again(requests),
        "callers_told_their_failure": ledger.told_their_failure(requests),
        "paid_twice_and_booked": len(ledger.paid_twice(requests, faults)),
        "accounts_seen": evidence.accounts,
        "accounts_missing_in_the_ledger": evidence.not_booked,
        **{name: len(ids) for name, ids in found.items()},
        "examples": {name: ids[:_MOST_SHOWN] for name, ids in found.items() if ids},
        "endings": dict(ledger.endings(requests).most_common()),
        "faults": rows,
        "memory": _memory(evidence),
        "broken": broken,
    }


def show(console: Console, told: Mapping[str, Any]) -> None:
    """The verdict as tables."""
    faults = Table("#", "fault", "lasted, s", "recovery, s", "in flight", "paid in vain")
    for number, row in enumerate(told["faults"], start=1):
        columns = ("fault", "lasted_s", "recovery_s", "in_flight", "calls_in_vain")
        faults.add_row(str(number), *(str(row[name]) for name in columns))
    console.print(faults)
    memory = Table("process", "minutes", "MB", "MB per minute")
    for row in told["memory"]:
        memory.add_row(*(str(row[name]) for name in ("process", "minutes", "mb", "mb_per_minute")))
    console.print(memory)
    for name, value in told.items():
        if name not in {"faults", "memory"}:
            console.print(f"[bold]{name}[/] {value}")


def _counts(evidence: Evidence) -> dict[str, int]:
    requests = [request for request in evidence.requests if request.sent is not None]
    answered = [request for request in requests if request.replies]
    return {
        "sent": len(requests),
        "accepted_by_kafka": sum(request.acked is not None for request in requests),
        "not_accepted": sum(request.acked is None for request in requests),
        "answered": len(answered),
        "over_http": sum(request.caller for request in requests),
        "dead_lettered": sum(bool(request.dead) for request in requests),
        "injected_faults": len(evidence.faults),
        "duplicate_replies_seen": sum(len(request.replies) - 1 for request in answered),
        "provider_calls": sum(len(request.calls) for request in requests),
        "calls_in_vain": sum(request.extra_calls for request in requests),
        "poison_records_dead_lettered": sum(
            line["id"].startswith(POISON) for line in evidence.poisoned
        ),
    }


def _faults(evidence: Evidence, extra: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    faults = evidence.faults
    answers = sorted(at for r in evidence.requests if (at := r.answered_at) is not None)
    last = max((r.sent for r in evidence.requests if r.sent is not None), default=0.0)
    ends = [fault.began for fault in faults[1:]] + [last]
    for number, (fault, until) in enumerate(zip(faults, ends, strict=True)):
        recovery_s = ledger.recovery_s(answers, evidence.plan.rate, fault.began, until)
        yield {
            "fault": fault.name,
            "lasted_s": round(fault.ended - fault.began, 1),
            "recovery_s": recovery_s,
            "well_again": fault.well,
            "in_flight": len(ledger.in_flight(evidence.requests, fault)),
            "calls_in_vain": extra.get(number, 0),
        }


def _memory(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "process": name,
            "minutes": round(minutes, 1),
            "mb": round(megabytes),
            "mb_per_minute": round(growth, 2),
        }
        for name, (minutes, megabytes, growth) in sorted(evidence.memory.slopes().items())
    ]
