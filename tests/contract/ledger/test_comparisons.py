"""What-if and reconciliation over the same events, from every store."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import pytest

from observability.ledger.ledger import Ledger, UsageBatch
from observability.ledger.stores.selection import ledger_at
from observability.pricing.prices import CallPrice, charge, rates_of
from observability.reports.period import ReportPeriod
from observability.reports.reconcile import (
    UnknownExportError,
    compare_bills,
    ledger_sums,
    read_export,
    span_of,
)
from observability.reports.what_if import (
    BilledUsage,
    Substitute,
    billed_usage,
    swaps_of,
    total_of,
    what_if,
)
from producers.contract import Usage
from switchgear.__main__ import main
from tests.contract.ledger.places import Place
from tests.unit.observability.usage_events import DAY_MS, START_MS, usage_event

MONTH: Final = ReportPeriod(START_MS, START_MS + 30 * DAY_MS)
EVENTS: Final = [usage_event(number, days=1) for number in range(60)]
CHEAP: Final = rates_of(input=Decimal(1), output=Decimal(2))
# ten times the price of a prompt that is longer than any of the events'
LONG_IS_DEAR: Final = replace(
    CHEAP, above=((200_000, rates_of(input=Decimal(10), output=Decimal(20))),)
)


def booked(place: Place) -> Ledger:
    ledger = place.empty()
    ledger.book(UsageBatch(EVENTS, {}))
    return ledger


def test_the_same_usage_at_another_model_is_priced_token_by_token(place: Place) -> None:
    with booked(place).reading() as db:
        billed = billed_usage(db, MONTH)
    assert sum(row.requests for row in billed) == len(EVENTS)
    assert sum(row.cost for row in billed) == sum(e.cost_micro_usd or 0 for e in EVENTS)

    def cheap(row: BilledUsage) -> Substitute:
        known = row.model != "gpt-4o"
        price = CallPrice(LONG_IS_DEAR, "list", "no price for")
        return Substitute("there", "cheap", price if known else None, Decimal("1.25"))

    rows = what_if(billed, cheap)
    total = total_of(rows)
    assert total.unpriced == 1
    assert total.cost == sum(row.billed.cost for row in rows if row.billed.model != "gpt-4o")
    assert total.instead == sum(row.cost for row in rows if row.cost is not None)
    for row in rows:
        if row.billed.model == "gpt-4o":
            assert row.cost is None
            continue
        usage = row.billed.usage
        tokens = {
            "input_uncached": round(usage.input_uncached * Decimal("1.25")),
            "cache_read": round(usage.cache_read * Decimal("1.25")),
            "output": round(usage.output * Decimal("1.25")),
        }
        assert row.cost == charge(CHEAP, Usage(**tokens))


def test_a_machine_of_ones_own_costs_what_its_hours_do(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    url = place.another()
    ledger = ledger_at(url)
    ledger.create()
    ledger.book(UsageBatch(EVENTS, {}))
    span = ("--since", "2026-03-01", "--until", "2026-04-01")
    words = ["report", "whatif", "--swap", "gpt-4o=mistral-nemo", *span, "--ledger", url]
    assert main([*words, "--format", "json"]) == 0
    (row,) = (r for r in json.loads(capsys.readouterr().out) if r["model"] == "gpt-4o")
    assert row["instead"] == "self-hosted-mistral-nemo"
    assert 0 < Decimal(row["instead_micro_usd"]) < Decimal(row["cost_micro_usd"])
    assert main(words) == 0
    assert "unpriced" not in capsys.readouterr().out


@pytest.mark.parametrize("text", ["gpt-4o", "=x", "x=", ""])
def test_a_swap_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="gpt-4o=claude-haiku-4-5"):
        swaps_of([text])


def openai_export(factor: float = 1) -> io.StringIO:
    """What OpenAI would say of EVENTS, in its usage export's columns."""
    lines = ["start_time,end_time,model,input_tokens,input_cached_tokens,output_tokens"]
    for event in EVENTS:
        if event.provider == "openai":
            usage = event.usage
            output = round(usage.output * factor)
            begins = event.at_ms // 1000
            lines.append(
                f"{begins},{begins},{event.model}-2024-08-06,{usage.input_total},"
                f"{usage.cache_read},{output}"
            )
    return io.StringIO("\n".join(lines))


NAMES: Final = {"gpt-4o-2024-08-06": "gpt-4o"}  # the other one is joined without its date


def test_a_ledger_agrees_with_the_providers_own_count(place: Place) -> None:
    export = read_export(openai_export())
    span = span_of(export.sums)
    assert span is not None
    with booked(place).reading() as db:
        rows = list(compare_bills(ledger_sums(db, export.provider, span), export, NAMES))
    assert {row.of.model for row in rows} == {"gpt-4o", "gpt-4o-mini"}
    assert all(row.agrees for row in rows)


def test_a_hundredth_more_output_is_a_difference(place: Place) -> None:
    export = read_export(openai_export(1.01))
    span = span_of(export.sums)
    assert span is not None
    with booked(place).reading() as db:
        rows = list(compare_bills(ledger_sums(db, export.provider, span), export, NAMES))
    assert not any(row.agrees for row in rows)


def test_anthropics_columns_and_awss_are_read_too() -> None:
    anthropic = read_export(
        io.StringIO(
            "usage_date_utc,model_version,usage_input_tokens_no_cache,"
            "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,"
            "usage_input_tokens_cache_read,usage_output_tokens\n"
            "2026-03-01,claude-haiku-4-5,10,20,30,40,5\nnonsense,claude-haiku-4-5,1,1,1,1,1\n"
        )
    )
    (sums,) = anthropic.sums.values()
    assert (sums.input, sums.cached, sums.output) == (100, 40, 5)
    assert anthropic.skipped == 1
    aws = read_export(
        io.StringIO(
            "line_item_usage_start_date,line_item_product_code,line_item_unblended_cost\n"
            "2026-03-01T00:00:00Z,AmazonBedrock,0.5\n2026-03-01T01:00:00Z,AmazonBedrock,0.25\n"
            "2026-03-01T00:00:00Z,AmazonS3,9\n"
        )
    )
    ((of, billed),) = aws.sums.items()
    assert of.day == datetime(2026, 3, 1, tzinfo=UTC).date()
    assert billed.cost_micro_usd == Decimal(750_000)


def test_awss_older_columns_and_its_marketplace_are_read() -> None:
    older = read_export(
        io.StringIO(
            "lineItem/UsageStartDate,lineItem/ProductCode,lineItem/UnblendedCost,product/ProductName\n"
            "2026-03-01T00:00:00Z,5mr2bz,0.5,Claude Haiku 4.5 (Amazon Bedrock Edition)\n"
            "2026-03-01T00:00:00Z,AmazonEC2,0.5,Amazon EC2\n"
        )
    )
    assert [sums.cost_micro_usd for sums in older.sums.values()] == [Decimal(500_000)]


@pytest.mark.parametrize(
    "line",
    [
        f"{10**30},gpt-4o,1,1",
        "-1,gpt-4o,1,1",
        "2026-03-01,gpt-4o,1,many",
        f"2026-03-01,gpt-4o,{'9' * 5000},1",
    ],
)
def test_a_line_that_cant_be_read_is_counted_and_adds_nothing(line: str) -> None:
    export = read_export(
        io.StringIO(f"start_time,model,input_tokens,output_tokens\n{line}\n2026-03-01,gpt-4o,2,3\n")
    )
    assert export.skipped == 1
    assert [(sums.input, sums.output) for sums in export.sums.values()] == [(2, 3)]


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "1e999999999"])
def test_a_sum_that_is_none_is_counted(cost: str) -> None:
    heading = "line_item_usage_start_date,line_item_product_code,line_item_unblended_cost"
    export = read_export(io.StringIO(f"{heading}\n2026-03-01,AmazonBedrock,{cost}\n"))
    assert (export.skipped, dict(export.sums)) == (1, {})


def test_another_file_is_refused_with_the_headings_that_are_looked_for() -> None:
    with pytest.raises(UnknownExportError, match="usage_date_utc"):
        read_export(io.StringIO("a,b\n1,2\n"))
