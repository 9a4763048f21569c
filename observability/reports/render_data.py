"""CSV and JSON of reports, for spreadsheets and programs; money in micro-dollars, exact."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from observability.reports.chargeback import ChargebackBill
from observability.reports.cost import BASELINE_LABEL, SAVINGS, CostReport, CostRow
from observability.reports.quality import ModelQuality
from observability.reports.waste import WasteFinding
from observability.reports.wilson import IntervalRate
from observability.terminal import plain


def cost_csv(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """One line a group; money in micro-dollars, exact. bills: of the report's rows, in cents.

    A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, which may call
    other programs and send the other cells away: what callers named gets a `'` before it, and its
    control characters are shown as escapes. JSON has the names as they are.
    """
    charged = {bill.payer: _cents(bill) for bill in bills}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = map(_inert, report.by)
    writer.writerow([*heads, *_record(report.total), *(_CENTS if bills else ())])
    for row in report.rows:
        bill = charged.get(row.group, {})
        writer.writerow([*map(_inert, row.group), *_record(row).values(), *bill.values()])
    return out.getvalue()


_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""How a formula begins, in the width of East Asian letters too."""


def _inert(text: str) -> str:
    # without control characters: a tab may begin a cell, and csv leaves a lone \r unquoted
    shown = plain(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def cost_json(report: CostReport, bills: Sequence[ChargebackBill] = ()) -> str:
    """The whole report; money is a string of micro-dollars, so that no reader rounds it."""
    forecast = report.forecast
    whole = {
        "by": report.by,
        "period": {"start": _iso(report.period.start_ms), "end": _iso(report.period.end_ms)},
        "baseline": BASELINE_LABEL,
        "rows": [
            dict(zip(report.by, row.group, strict=True)) | _record(row) for row in report.rows
        ],
        "total": _record(report.total),
        "days": {entry.day.isoformat(): str(entry.cost) for entry in report.days},
        "forecast_micro_usd": {
            "spent": str(forecast.spent),
            "expected": str(forecast.expected),
            "low": str(forecast.low),
            "high": str(forecast.high),
            "days_of_history": forecast.days,
        },
        "chargeback": [
            dict(zip(report.by, bill.payer, strict=True)) | _cents(bill) for bill in bills
        ],
    }
    return json.dumps(whole, indent=2)


_CENTS: Final = ("own_cents", "shared_cents", "total_cents")


def _cents(bill: ChargebackBill) -> dict[str, int]:
    return {name: int(getattr(bill, name)) for name in _CENTS}


def _record(row: CostRow) -> dict[str, Any]:
    record = {
        "requests": row.requests,
        "answered": row.answered,
        "cache_hits": row.hits,
        "unpriced": row.unpriced,
        "input_tokens": row.input_tokens,
        "cached_tokens": row.cached_tokens,
        "output_tokens": row.output_tokens,
        "cost_micro_usd": str(row.cost),
        "baseline_micro_usd": str(row.baseline),
        "cost_per_1k_micro_usd": row.cost_per_1k,
    }
    return record | {f"saved_{means}_micro_usd": str(row.saved[means]) for means in SAVINGS}


def waste_csv(findings: Sequence[WasteFinding]) -> str:
    """One line a finding."""
    heads = ("kind", "do", "why", "saves_micro_usd_a_month")
    return _csv(heads, ((f.kind, _inert(f.do), _inert(f.why), f.saves) for f in findings))


def waste_json(findings: Sequence[WasteFinding]) -> str:
    """All findings; `saves…` is null when no price is known."""
    listed = [
        {
            "kind": finding.kind,
            "do": finding.do,
            "why": finding.why,
            "saves_micro_usd_a_month": None if finding.saves is None else str(finding.saves),
        }
        for finding in findings
    ]
    return json.dumps(listed, indent=2)


def quality_csv(measured: Sequence[ModelQuality]) -> str:
    """One line for each model and task; a rate of no sample is empty."""
    rates = ("ungrounded", "judged_ungrounded", "truncated")
    heads = [f"{rate}_{part}" for rate in rates for part in ("rate", "low", "high", "of")]
    lines = (
        (
            _inert(q.model),
            _inert(q.task),
            *(v for rate in (q.ungrounded, q.judged, q.truncated) for v in _rate(rate).values()),
        )
        for q in measured
    )
    return _csv(("model", "task", *heads), lines)


def quality_json(measured: Sequence[ModelQuality]) -> str:
    """For programs, such as one that sets the router's quality figures."""
    listed = [
        {
            "model": q.model,
            "task": q.task,
            "ungrounded": _rate(q.ungrounded),
            "judged_ungrounded": _rate(q.judged),
            "truncated": _rate(q.truncated),
        }
        for q in measured
    ]
    return json.dumps(listed, indent=2)


def _rate(rate: IntervalRate) -> dict[str, float | int | None]:
    return {"rate": rate.value, "low": rate.low, "high": rate.high, "of": rate.of}


def _csv(heads: Iterable[str], lines: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return out.getvalue()


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
