"""How is one trace shown as a tree of text, for a terminal or a failing test?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from observability.tracing import semconv

_NOTED: Final = (
    semconv.ERROR_TYPE,
    semconv.HTTP_STATUS,
    semconv.RETRY_HINT_MS,
    semconv.CACHE_RESULT,
    semconv.CACHE_STEP,
    semconv.CACHE_REASON,
    semconv.ROUTE_REASONS,
    semconv.RESPONSE_MODEL,
    semconv.OUTPUT_TOKENS,
    semconv.COST,
    semconv.KEPT,
)
_BAR: Final = 24


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span as a trace store or a collector has it. Times: Unix nanoseconds."""

    span_id: str
    parent_id: str | None
    name: str
    service: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def show(spans: Sequence[SeenSpan]) -> str:
    """One line a span: when it began, how long it took, what matters about it."""
    if not spans:
        return "(no spans)"
    begun = min(span.start_ns for span in spans)
    whole = max(1, max(span.end_ns for span in spans) - begun)
    lines = [(prefix + span.name, span) for prefix, span in _walk(spans)]
    width = max(len(name) for name, _ in lines)
    return "\n".join(
        f"{name:<{width}}  {_bar(span, begun, whole)} {_ms(span):>10}  {span.service}{_notes(span)}"
        for name, span in lines
    )


def children_of(spans: Sequence[SeenSpan], parent: SeenSpan | None) -> list[SeenSpan]:
    """By start; of None: the roots, which includes spans whose parent isn't there."""
    known = {span.span_id for span in spans}
    wanted = None if parent is None else parent.span_id
    found = [
        span for span in spans
        if (span.parent_id if span.parent_id in known else None) == wanted
    ]  # fmt: skip
    return sorted(found, key=lambda span: (span.start_ns, span.end_ns))


def _walk(spans: Sequence[SeenSpan]) -> Iterator[tuple[str, SeenSpan]]:
    for root in children_of(spans, None):
        yield "", root
        yield from _below(spans, root, "")


def _below(
    spans: Sequence[SeenSpan], parent: SeenSpan, indent: str
) -> Iterator[tuple[str, SeenSpan]]:
    inside = children_of(spans, parent)
    for number, span in enumerate(inside):
        last = number == len(inside) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}", span
        yield from _below(spans, span, indent + ("   " if last else "│  "))


def _bar(span: SeenSpan, begun: int, whole: int) -> str:
    """Where in the trace's time the span lies."""
    left = min(_BAR - 1, (span.start_ns - begun) * _BAR // whole)
    length = max(1, (span.end_ns - span.start_ns) * _BAR // whole)
    return ("·" * left + "█" * length)[:_BAR].ljust(_BAR, "·")


def _ms(span: SeenSpan) -> str:
    return f"{(span.end_ns - span.start_ns) / 1e6:,.2f} ms"


def _notes(span: SeenSpan) -> str:
    noted = [f"{key.rpartition('.')[2]}={_short(span.attributes[key])}"
             for key in _NOTED if key in span.attributes]  # fmt: skip
    noted += [f"({event})" for event in span.events]
    noted += [f"→ {link[:8]}" for link in span.links]
    return "".join(f"  {note}" for note in noted)


def _short(value: object) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
