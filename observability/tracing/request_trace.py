"""Request trace: what one process did for one request. Is it worth exporting?"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Protocol, Self

from observability.tracing.span_record import (
    Keep,
    LazyAttributes,
    QueueWait,
    SpanKindName,
    SpanRecord,
)
from observability.tracing.w3c_context import (
    CarriedContext,
    TraceContext,
    format_traceparent,
    inject_context,
    parse_traceparent,
    tenant_of,
)

MAX_STEPS: Final = 256
"""Steps of one hop that are kept: a loop gone wild must not fill the memory."""


@dataclass(frozen=True, slots=True)
class TraceOrigin:
    """Where a hop comes from: what its record carried, and how long that lay in its queue."""

    carried: CarriedContext
    waited: QueueWait | None = None
    links: tuple[TraceContext, ...] = ()


class Exporter(Protocol):
    """Decides on the traces that weren't sampled, and exports."""

    @property
    def content(self) -> bool: ...
    @property
    def exports(self) -> bool: ...
    def export_reason(self, total_ms: float, error: str | None) -> Keep | None: ...
    def has_quota(self) -> bool: ...
    def export(
        self,
        steps: Sequence[SpanRecord],
        context: TraceContext,
        tenant: str | None,
        kept: Keep | None,
    ) -> None: ...


class RequestTrace:
    """One process's part of one request's trace. Belongs to one task; not thread-safe."""

    __slots__ = (
        "_ended",
        "_exporter",
        "_name",
        "_origin",
        "_start_ns",
        "_steps",
        "context",
        "forced_by",
    )

    def __init__(
        self, name: str, context: TraceContext, origin: TraceOrigin, exporter: Exporter
    ) -> None:
        self._name = name
        self._origin = origin
        self._exporter = exporter
        self._start_ns = time.time_ns()
        self._steps: list[SpanRecord | OpenSpan] = []
        self._ended = False
        self.context = context
        self.forced_by: Keep | None = None

    @property
    def trace_id(self) -> str:
        """As people paste it into a trace viewer: 32 hexadecimal digits."""
        return f"{self.context.trace_id:032x}"

    @property
    def traceparent(self) -> str:
        """This hop, as a later try of the same request may link to it."""
        return format_traceparent(self.context)

    @property
    def content(self) -> bool:
        """Whether the operator wants prompts and answers in the spans."""
        return self._exporter.content

    @property
    def empty(self) -> bool:
        """Whether nothing was done."""
        return not self._steps

    @property
    def tenant(self) -> str | None:
        """The tenant that the trace's baggage names."""
        return tenant_of(self._origin.carried.baggage)

    def headers(self) -> list[tuple[str, bytes]]:
        """What a record needs for its reader to continue this trace: add it to your headers."""
        return inject_context(self.context, self._origin.carried.baggage)

    def force_sampling(self, reason: Keep) -> None:
        """Export this hop although it wasn't sampled, and let the hops after it do so too."""
        if not self.context.sampled and self._exporter.has_quota():
            self.forced_by = reason
            self.context = replace(self.context, sampled=True)

    def link(self, traceparent: str) -> None:
        """To an earlier try of the same request, unless it is this one, or no traceparent."""
        earlier = parse_traceparent(traceparent)
        if earlier is not None and earlier.span_id != self.context.span_id:
            self._origin = replace(self._origin, links=(*self._origin.links, earlier))

    def decide_export(self, error: str | None = None) -> bool:
        """Whether the hop is exported if it ends now: who needs to know may ask before `end`."""
        if not self.context.sampled:
            reason = self._exporter.export_reason(self._total_ms(time.time_ns()), error)
            if reason is not None:
                self.force_sampling(reason)
        return self.context.sampled and self._exporter.exports

    def add(self, step: "SpanRecord | OpenSpan") -> None:
        """A step whose times are known, or one that has just ended: few are ever exported."""
        if len(self._steps) < MAX_STEPS and not self._ended:
            self._steps.append(step)

    def span(
        self, name: str, attributes: LazyAttributes = None, kind: SpanKindName = "internal"
    ) -> "OpenSpan":
        """A step as a context manager; an exception that leaves it marks it as failed."""
        return OpenSpan(self, name, attributes, kind=kind)

    def end(self, attributes: LazyAttributes = None, *, error: str | None = None) -> None:
        """Call last; only the first call counts. error: the failure's code.

        Exports what is worth it, else forgets.
        """
        if not self._ended and self.decide_export(error):
            own = self._own(time.time_ns(), attributes, error)
            inside = (self._inside(step) for step in self._steps)
            steps = [*self._before(own.parent_id), own, *inside]
            self._exporter.export(steps, self.context, self.tenant, self.forced_by)
        self._ended = True
        # a step knows its hop: a ring that would keep what its attributes tell of until the
        # collector comes, which is seldom
        self._steps.clear()

    def _inside(self, ended: "SpanRecord | OpenSpan") -> SpanRecord:
        step = ended.record() if isinstance(ended, OpenSpan) else ended
        return step if step.parent_id else replace(step, parent_id=self.context.span_id)

    def _total_ms(self, now_ns: int) -> float:
        waited = self._origin.waited
        begun_ms = (
            self._start_ns / 1e6 if waited is None else waited.submitted_ms or waited.since_ms
        )
        return now_ns / 1e6 - begun_ms

    def _own(self, now_ns: int, attributes: LazyAttributes, error: str | None) -> SpanRecord:
        parent = self._origin.carried.parent
        return SpanRecord(
            self._name,
            self._start_ns,
            now_ns,
            attributes,
            error,
            "internal" if self._origin.waited is None else "consumer",
            links=self._origin.links,
            parent_id=0 if parent is None else parent.span_id,
            span_id=self.context.span_id,
        )

    def _before(self, parent_id: int) -> list[SpanRecord]:
        """The wait in the queue and, if nobody exported it, a stand-in for what came before."""
        waited = self._origin.waited
        if waited is None:
            return []
        since_ns = min(int(waited.since_ms * 1e6), self._start_ns)
        name = f"queue {waited.queue}"
        wait = SpanRecord(
            name, since_ns, self._start_ns, waited.attributes, kind="consumer", parent_id=parent_id
        )
        if self.forced_by is None or parent_id == 0:
            return [wait]
        begun_ns = min(int((waited.submitted_ms or waited.since_ms) * 1e6), since_ns)
        return [SpanRecord("earlier hops (unsampled)", begun_ns, since_ns, span_id=parent_id), wait]


class OpenSpan:
    """A step under way; what is only known later may be set until it ends."""

    __slots__ = (
        "_end_ns",
        "_events",
        "_hop",
        "_id",
        "_kind",
        "_name",
        "_parent_id",
        "_start_ns",
        "attributes",
        "error",
    )

    def __init__(
        self,
        hop: RequestTrace,
        name: str,
        attributes: LazyAttributes,
        parent_id: int = 0,
        kind: SpanKindName = "internal",
    ) -> None:
        self._hop = hop
        self._kind = kind
        self._name = name
        self._parent_id = parent_id or hop.context.span_id
        self._events: tuple[tuple[str, int], ...] = ()
        self._start_ns = self._end_ns = self._id = 0
        self.attributes = attributes
        self.error: str | None = None

    @property
    def id(self) -> int:
        """Its span id, drawn when somebody asks for it."""
        if not self._id:
            self._id = new_span_id()
        return self._id

    def __enter__(self) -> Self:
        self._start_ns = time.time_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_ns = time.time_ns()
        if kind is not None and not self.error:
            self.error = kind.__name__
        self._hop.add(self)

    def record(self) -> SpanRecord:
        """The step as it ended."""
        return SpanRecord(
            self._name,
            self._start_ns,
            self._end_ns,
            self.attributes,
            self.error,
            self._kind,
            events=self._events,
            parent_id=self._parent_id,
            span_id=self.id,
        )

    def span(self, name: str, attributes: LazyAttributes = None) -> "OpenSpan":
        """A step inside this one."""
        return OpenSpan(self._hop, name, attributes, self.id)

    def event(self, name: str, after_s: float | None = None) -> None:
        """Something that happened now, or `after_s` after the step began (the first token)."""
        at_ns = time.time_ns() if after_s is None else self._start_ns + int(after_s * 1e9)
        self._events = (*self._events, (name, at_ns))


def new_span_id() -> int:
    """Unique enough, never 0."""
    return random.getrandbits(64) or 1
