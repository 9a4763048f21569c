"""Residency report: whose data went where, and was it allowed there?

What is counted is each time that data left the cell for a deployment, failed calls too, or was read
from the cell's cache. A row that was booked before calls had a zone says `unknown`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from observability.ledger.ledger import LedgerReader
from observability.reports.period import IN_PERIOD, ReportPeriod

UNKNOWN: Final = "unknown"
_COLUMNS: Final = "id, aside, at_ms, task, residency, cache_result, attempts"
_DAY_MS: Final = 86_400_000
_MOST_OUTSIDE: Final = 1_000
"""Calls outside the residency that are listed one by one; all are counted."""


class Destination(NamedTuple):
    """What went where, under which residency."""

    data: str
    """Which data: `prompt and answer`, `prompt` of a call without an answer, `stored answer`."""
    purpose: str
    """`request`, or what else the call was for: `judge`, `cache`, `batch`."""
    task: str
    residency: str
    """The zones that were allowed, with commas between; `any`."""
    zone: str
    deployment: str
    """Empty for the cell's own cache."""


@dataclass(slots=True)
class DataFlow:
    """How often, and when. Times: Unix milliseconds."""

    number: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    first_ms: int = 0
    last_ms: int = 0


class OutsideCall(NamedTuple):
    """A call in a zone that the data's residency excludes."""

    request: str
    at_ms: int
    zone: str
    deployment: str
    residency: str


@dataclass(frozen=True, slots=True)
class ResidencyReport:
    """Of one tenant, over a period. cell: the zone of the ledger's own cell; None: not said."""

    tenant: str
    period: ReportPeriod
    cell: str | None
    flows: Mapping[Destination, DataFlow]
    outside: tuple[OutsideCall, ...]
    outside_number: int
    requests: int


def residency_report(
    db: LedgerReader, tenant: str, span: ReportPeriod, cell: str | None
) -> ResidencyReport:
    """Reads the ledger a day at a time: the rows of a quarter need no memory of their own."""
    flows: dict[Destination, DataFlow] = {}
    outside: list[OutsideCall] = []
    outside_number = requests = 0
    for row in _rows(db, tenant, span):
        request, aside, at_ms, task, residency, cache_result, attempts = row
        requests += aside is None
        allowed = "any" if residency is None else residency
        told = aside or "request", task or "", allowed
        if cache_result == "hit" and aside is None:
            _add(flows, Destination("stored answer", *told, cell or UNKNOWN, ""), at_ms, {})
        for call in json.loads(attempts) if isinstance(attempts, str) else attempts or ():
            answered = call["outcome"] in ("ok", "inadequate")
            data = "prompt and answer" if answered else "prompt"
            zone, deployment = call.get("zone", UNKNOWN), call["deployment"]
            _add(flows, Destination(data, *told, zone, deployment), at_ms, call.get("usage") or {})
            if residency is not None and zone not in residency.split(","):
                outside_number += zone != UNKNOWN
                if zone != UNKNOWN and len(outside) < _MOST_OUTSIDE:
                    outside.append(OutsideCall(request, at_ms, zone, deployment, allowed))
    ordered = dict(sorted(flows.items()))
    return ResidencyReport(tenant, span, cell, ordered, tuple(outside), outside_number, requests)


def _rows(db: LedgerReader, tenant: str, span: ReportPeriod) -> Iterator[Any]:
    sql = f"SELECT {_COLUMNS} FROM usage WHERE tenant = $tenant AND {IN_PERIOD} ORDER BY at_ms, id"  # noqa: S608 - fixed words
    ((first, last),) = db.rows(
        f"SELECT min(at_ms), max(at_ms) FROM usage WHERE tenant = $tenant AND {IN_PERIOD}",  # noqa: S608
        {**span.parameters, "tenant": tenant},
    )
    begin, end = (0, 0) if first is None else (int(first), int(last) + 1)
    while begin < end:
        day = ReportPeriod(begin, min(begin + _DAY_MS, end))
        yield from db.rows(sql, {**day.parameters, "tenant": tenant})
        begin = day.end_ms


def _add(
    flows: dict[Destination, DataFlow], to: Destination, at_ms: int, usage: Mapping[str, Any]
) -> None:
    flow = flows.setdefault(to, DataFlow(first_ms=at_ms))
    flow.number += 1
    flow.last_ms = at_ms
    flow.input_tokens += sum(
        usage.get(name, 0)
        for name in ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h")
    )
    flow.output_tokens += usage.get("output", 0)


def as_document(report: ResidencyReport, made_ms: int) -> dict[str, Any]:
    """The report for an auditor's program; times ISO 8601, UTC."""
    return {
        "report": "switchgear/residency/1",
        "tenant": report.tenant,
        "since": iso(report.period.start_ms),
        "until": iso(report.period.end_ms),
        "made": iso(made_ms),
        "cell": report.cell,
        "requests": report.requests,
        "flows": [_flow(to, flow) for to, flow in report.flows.items()],
        "outside_number": report.outside_number,
        "outside": [
            {
                "request": call.request,
                "at": iso(call.at_ms),
                "zone": call.zone,
                "deployment": call.deployment,
                "residency": call.residency,
            }
            for call in report.outside
        ],
    }


def _flow(to: Destination, flow: DataFlow) -> dict[str, Any]:
    return {
        **to._asdict(),
        "number": flow.number,
        "input_tokens": flow.input_tokens,
        "output_tokens": flow.output_tokens,
        "first": iso(flow.first_ms),
        "last": iso(flow.last_ms),
    }


def iso(at_ms: int) -> str:
    """The time, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
