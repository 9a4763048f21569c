"""Reconciliation: does the ledger agree with what a provider says that it billed?

Three exports are read, each by the columns of its heading: OpenAI's usage export, Anthropic's, and
AWS's Cost and Usage Report. Differences are told by day and model; of AWS, whose usage types name
models in their own way, by day in dollars.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal, TextIO, TypeAlias

from observability.csv_rows import rows_within
from observability.ledger.ledger import LedgerReader
from observability.reports.period import IN_PERIOD, ReportPeriod

Export: TypeAlias = Literal["openai", "anthropic", "aws"]
MAX_LINES: Final = 5_000_000
_LONGEST: Final = 131_072
"""Characters of a field."""
_MOST: Final = 10**15
"""Tokens, or dollars, of one line: more is no bill."""
_DAY_MS: Final = 86_400_000
_MICRO: Final = Decimal(1_000_000)
_PROVIDERS: Final[Mapping[Export, str]] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "aws": "aws",
}
"""The price book's names, as the ledger has them."""


class UnknownExportError(ValueError):
    """The heading is of no export that is known; the message lists what is looked for."""


@dataclass(slots=True)
class Billed:
    """Sums of a day and a model. cost_micro_usd: None where the export has no money."""

    input: int = 0
    """All tokens of prompts, however billed."""
    cached: int = 0
    """Of these: read from the prompt cache."""
    output: int = 0
    cost_micro_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DayModel:
    """What sums are of. model: empty for all models of a provider together."""

    day: date
    model: str


@dataclass(frozen=True, slots=True)
class BillDifference:
    """Both sides of a day and a model."""

    of: DayModel
    ledger: Billed
    provider: Billed

    @property
    def agrees(self) -> bool:
        """To a tenth of a percent in each figure that both sides have."""
        if self.provider.cost_micro_usd is not None:
            pairs = [(self.ledger.cost_micro_usd or Decimal(0), self.provider.cost_micro_usd)]
        else:
            pairs = [
                (Decimal(getattr(self.ledger, name)), Decimal(getattr(self.provider, name)))
                for name in ("input", "cached", "output")
            ]
        return all(abs(a - b) <= max(abs(a), abs(b)) / 1000 for a, b in pairs)


@dataclass(slots=True)
class ProviderExport:
    """A file that was read. skipped: lines that no sum could take."""

    kind: Export
    sums: dict[DayModel, Billed] = field(default_factory=lambda: defaultdict(Billed))
    skipped: int = 0

    @property
    def provider(self) -> str:
        """As the ledger calls it."""
        return _PROVIDERS[self.kind]


def read_export(lines: TextIO) -> ProviderExport:
    """The sums of a file. Raises UnknownExportError; a line that can't be read is counted."""
    reader = csv.DictReader(lines, restval="")
    try:
        reader.fieldnames = [_snake(name) for name in reader.fieldnames or ()]
        export = ProviderExport(_kind(frozenset(reader.fieldnames)))
        for number, row in enumerate(rows_within(reader, _LONGEST)):
            if number >= MAX_LINES:
                raise UnknownExportError(f"more than {MAX_LINES:,} lines; export a shorter period")
            try:
                _add(export, row)
            except (ValueError, ArithmeticError, OSError):
                export.skipped += 1
    except csv.Error as error:
        raise UnknownExportError(f"no CSV after line {reader.line_num}: {error}") from None
    return export


def _snake(name: str) -> str:
    """A column as AWS's newer reports name it: `lineItem/UsageStartDate` is of the older ones."""
    return _CAPITAL.sub("_", name.replace("/", "_")).lower()


_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HEADINGS: Final[Mapping[Export, frozenset[str]]] = {
    "openai": frozenset({"start_time", "model", "input_tokens", "output_tokens"}),
    "anthropic": frozenset({"usage_date_utc", "model_version", "usage_output_tokens"}),
    "aws": frozenset(
        {"line_item_usage_start_date", "line_item_product_code", "line_item_unblended_cost"}
    ),
}


def _kind(heading: frozenset[str]) -> Export:
    for kind, needed in _HEADINGS.items():
        if needed <= heading:
            return kind
    wanted = "; ".join(f"{kind}: {', '.join(sorted(needed))}" for kind, needed in _HEADINGS.items())
    raise UnknownExportError(f"no export that is known; its first line must have {wanted}")


def _add(export: ProviderExport, row: Mapping[str, str]) -> None:
    """Adds a line, whole or not at all. Raises ValueError, ArithmeticError, OSError."""
    match export.kind:
        case "openai":
            of = DayModel(_day(row["start_time"]), row["model"])
            cached = _tokens(row, "input_cached_tokens")
            billed = Billed(_tokens(row, "input_tokens"), cached, _tokens(row, "output_tokens"))
        case "anthropic":
            of = DayModel(_day(row["usage_date_utc"]), row["model_version"])
            cached = _tokens(row, "usage_input_tokens_cache_read")
            beside = ("no_cache", "cache_write_5m", "cache_write_1h")
            inputs = cached + sum(_tokens(row, f"usage_input_tokens_{kind}") for kind in beside)
            billed = Billed(inputs, cached, _tokens(row, "usage_output_tokens"))
        case "aws":
            if not any("bedrock" in row.get(name, "").lower() for name in _AWS_PRODUCTS):
                return
            of = DayModel(_day(row["line_item_usage_start_date"]), "")
            dollars = Decimal(row["line_item_unblended_cost"] or "0")
            if not abs(dollars) <= _MOST:
                raise ValueError("no sum of money")
            billed = Billed(cost_micro_usd=dollars * _MICRO)
    _merge(export.sums[of], billed)


_AWS_PRODUCTS: Final = (
    "line_item_product_code",
    "product_product_name",
    "line_item_line_item_description",
)
"""Models of AWS's marketplace have codes of their own, and say Bedrock in their names only."""
_DATE: Final = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
"""Behind a model's name: `-2024-08-06`, `-20251001`, `-0125`."""


def _tokens(row: Mapping[str, str], name: str) -> int:
    number = int(row.get(name) or 0)
    if not 0 <= number <= _MOST:
        raise ValueError("no number of tokens")
    return number


def _day(text: str) -> date:
    """Of an ISO 8601 time or of Unix seconds, UTC."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC).date()
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).date()


def ledger_sums(db: LedgerReader, provider: str, period: ReportPeriod) -> dict[DayModel, Billed]:
    """What the ledger has of a provider, by day (UTC) and model."""
    sql = (
        f"SELECT at_ms - at_ms % {_DAY_MS}, model,"  # noqa: S608 - fixed words
        " CAST(sum(input_uncached + cache_read + cache_write_5m + cache_write_1h) AS BIGINT),"
        " CAST(sum(cache_read) AS BIGINT), CAST(sum(output) AS BIGINT), sum(cost) FROM usage"
        f" WHERE {IN_PERIOD} AND provider = $provider AND model IS NOT NULL GROUP BY 1, 2"
    )
    rows = db.rows(sql, {**period.parameters, "provider": provider})
    return {
        DayModel(datetime.fromtimestamp(begins / 1000, UTC).date(), model): Billed(
            inputs, cached, output, cost
        )
        for begins, model, inputs, cached, output, cost in rows
    }


def compare_bills(
    ledger: Mapping[DayModel, Billed],
    export: ProviderExport,
    model_of: Mapping[str, str],
) -> Iterator[BillDifference]:
    """Every day and model of either side. model_of: the ledger's name for a provider's."""
    known = {of.model: of.model for of in ledger} | dict(model_of)
    theirs: dict[DayModel, Billed] = defaultdict(Billed)
    for of, sums in export.sums.items():
        _merge(theirs[DayModel(of.day, _ledgers_name(of.model, known))], sums)
    ours = _by_day(ledger) if export.kind == "aws" else ledger
    for of in sorted(ours.keys() | theirs.keys(), key=lambda of: (of.day, of.model)):
        yield BillDifference(of, ours.get(of, Billed()), theirs.get(of, Billed()))


def _ledgers_name(model: str, known: Mapping[str, str]) -> str:
    """A dated name that nobody has configured is the model without its date."""
    return known.get(model) or known.get(_DATE.sub("", model), model)


def _by_day(ledger: Mapping[DayModel, Billed]) -> dict[DayModel, Billed]:
    days: dict[DayModel, Billed] = defaultdict(Billed)
    for of, sums in ledger.items():
        _merge(days[DayModel(of.day, "")], sums)
    return dict(days)


def _merge(into: Billed, sums: Billed) -> None:
    into.input += sums.input
    into.cached += sums.cached
    into.output += sums.output
    if sums.cost_micro_usd is not None:
        into.cost_micro_usd = (into.cost_micro_usd or Decimal(0)) + sums.cost_micro_usd


def span_of(sums: Iterable[DayModel]) -> ReportPeriod | None:
    """From the first day's beginning to the last one's end; None of nothing."""
    days = sorted({of.day for of in sums})
    if not days:
        return None
    begins, ends = (
        int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        for day in (days[0], days[-1])
    )
    return ReportPeriod(begins, ends + _DAY_MS)
