"""Waste findings: where does money go that nobody needed to spend, and what would stop it?

Evidence is counted by `waste_evidence`; here it is priced, put into words, scaled to a month and
ranked. A saving is an upper bound where the sentence says "up to"; findings overlap (a duplicate
may also have been truncated), so they must not be added up.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias, assert_never

from observability.pricing.money import percent, usd
from observability.pricing.prices import TokenRates

ModelRates: TypeAlias = Callable[[str, str], TokenRates | None]
"""The rates of (provider, model), if known."""

WasteKind: TypeAlias = Literal[
    "prefix", "duplicate", "failed", "truncated", "context", "max_tokens"
]

MONTH_DAYS: Final = 30
WASTE_TITLE: Final = "Do this, save so much a month (findings overlap: don't add them up)"


@dataclass(frozen=True, slots=True)
class RepeatedPrefix:
    """Prompts that began alike within minutes, and whose beginning was paid in full again.

    repeats: prompts after the first of each burst; tokens: of the prefix.
    """

    tenant: str
    provider: str
    model: str
    repeats: int
    bursts: int
    tokens: int


@dataclass(frozen=True, slots=True)
class MissedDuplicate:
    """Prompts answered before, for the same tenant, and paid again. reason: the cache's, if any."""

    tenant: str
    reason: str
    repeats: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class FailedAttempts:
    """Calls that were billed and gave no answer."""

    deployment: str
    outcome: str
    attempts: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Truncated:
    """Answers that ended at their token limit."""

    tenant: str
    model: str
    answers: int
    of: int
    cost: Decimal
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class UnusedContext:
    """Context tokens that the answers show no trace of; cached: of them, read at the discount."""

    tenant: str
    provider: str
    model: str
    requests: int
    tokens: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class OversizedLimit:
    """max_tokens far above what answers need: providers reserve it against the rate limit."""

    tenant: str
    model: str
    requests: int
    max_tokens: int
    p99_output: int


WasteEvidence: TypeAlias = (
    RepeatedPrefix | MissedDuplicate | FailedAttempts | Truncated | UnusedContext | OversizedLimit
)


@dataclass(frozen=True, slots=True)
class WasteFinding:
    """What to do, why, and what it saves a month, micro-dollars (None: no price is known)."""

    kind: WasteKind
    do: str
    why: str
    saves: Decimal | None


def rank_waste(
    evidence: Iterable[WasteEvidence], rates_of: ModelRates, days: float
) -> list[WasteFinding]:
    """Findings by falling saving. days: how long the evidence was gathered."""
    factor = Decimal(MONTH_DAYS) / Decimal(days)
    findings = (_finding(piece, rates_of, factor) for piece in evidence)
    worth = [f for f in findings if f.saves is None or f.saves > 0 or f.kind == "max_tokens"]
    return sorted(worth, key=lambda f: f.saves or Decimal(0), reverse=True)


def _finding(piece: WasteEvidence, rates_of: ModelRates, factor: Decimal) -> WasteFinding:
    match piece:
        case RepeatedPrefix():
            return _prefix(piece, rates_of(piece.provider, piece.model), factor)
        case MissedDuplicate():
            return _duplicate(piece, factor)
        case FailedAttempts():
            return _failed(piece, factor)
        case Truncated():
            return _truncated(piece, factor)
        case UnusedContext():
            return _context(piece, rates_of(piece.provider, piece.model), factor)
        case OversizedLimit():
            return _max_tokens(piece)
        case _:
            assert_never(piece)


def _prefix(piece: RepeatedPrefix, rates: TokenRates | None, factor: Decimal) -> WasteFinding:
    """Read at the discount by each repeat, written at the surcharge once a burst."""
    saves = None
    if rates is not None:
        read = (rates.input - rates.cache_read) * piece.repeats
        written = (rates.cache_write_5m - rates.input) * piece.bursts
        saves = (read - written) * piece.tokens * factor
    return WasteFinding(
        "prefix",
        f"Cache the prompt prefix that {piece.tenant} sends to {piece.model}",
        f"{piece.repeats:,} prompts repeated {piece.tokens:,} tokens within 5 minutes and paid "
        "them in full",
        saves,
    )


def _duplicate(piece: MissedDuplicate, factor: Decimal) -> WasteFinding:
    return WasteFinding(
        "duplicate",
        f"Let the semantic cache answer {piece.tenant}'s repeated prompts",
        f"{piece.repeats:,} prompts had been answered in the same tier within a day and were paid "
        "again for "
        f"{usd(piece.cost)}; the cache said: {piece.reason}",
        piece.cost * factor,
    )


def _failed(piece: FailedAttempts, factor: Decimal) -> WasteFinding:
    return WasteFinding(
        "failed",
        _instead(piece),
        f"{piece.attempts:,} such calls cost {usd(piece.cost)}",
        piece.cost * factor,
    )


def _instead(piece: FailedAttempts) -> str:
    place = piece.deployment
    match piece.outcome:
        case "overtaken":
            return f"Give {place} more time before another is called beside it: both are billed"
        case "inadequate":
            return f"Ask {place} less for what its answers then fail the checks of: they are billed"
        case "cancelled":
            return f"Cancel less of what {place} has begun: it is billed"
        case outcome:
            return f"Call {place} less, or with more time: it bills calls that end in {outcome}"


def _truncated(piece: Truncated, factor: Decimal) -> WasteFinding:
    limit = "the limit" if piece.max_tokens is None else f"max_tokens {piece.max_tokens:,}"
    share = percent(Decimal(piece.answers), Decimal(piece.of))
    return WasteFinding(
        "truncated",
        f"Raise {limit} for {piece.tenant} on {piece.model}, or ask for shorter answers",
        f"{piece.answers:,} answers ({share}) were cut off and cost {usd(piece.cost)}: up to all "
        "of it is for nothing",
        piece.cost * factor,
    )


def _context(piece: UnusedContext, rates: TokenRates | None, factor: Decimal) -> WasteFinding:
    return WasteFinding(
        "context",
        f"Retrieve less context for {piece.tenant}'s calls of {piece.model}",
        f"of {piece.requests:,} answers' context, {piece.tokens:,} tokens left no trace in them: "
        "up to all of it can go",
        None if rates is None else _read(piece, rates) * factor,
    )


def _read(piece: UnusedContext, rates: TokenRates) -> Decimal:
    return rates.input * (piece.tokens - piece.cached) + rates.cache_read * piece.cached


def _max_tokens(piece: OversizedLimit) -> WasteFinding:
    return WasteFinding(
        "max_tokens",
        f"Lower max_tokens for {piece.tenant} on {piece.model} from {piece.max_tokens:,} to "
        f"{_roomy(piece.p99_output):,}",
        f"99 % of {piece.requests:,} answers need at most {piece.p99_output:,}; the rest is "
        "reserved against your rate limit. No money, but more requests a minute",
        Decimal(0),
    )


def _roomy(tokens: int) -> int:
    """Twice as much, rounded up to a multiple of 64."""
    return -(-2 * tokens // 64) * 64


def saving(finding: WasteFinding) -> str:
    """What it saves a month, for people."""
    return "no price known" if finding.saves is None else usd(finding.saves)
