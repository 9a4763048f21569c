"""What a process exports, for a test to look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util.types import AttributeValue


@dataclass
class SeenSpans:
    """A sink that keeps the spans, in the order of their export."""

    spans: list[ReadableSpan] = field(default_factory=list)

    def on_end(self, span: ReadableSpan) -> None:
        """Kept."""
        self.spans.append(span)

    def all(self, name: str) -> list[ReadableSpan]:
        """Those whose name begins like this."""
        return [span for span in self.spans if span.name.startswith(name)]

    def named(self, name: str) -> ReadableSpan:
        """The first of this name."""
        return next(span for span in self.spans if span.name == name)

    def tree(self) -> dict[str, str | None]:
        """Each span's name, and its parent's."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return {s.name: names[s.parent.span_id] if s.parent else None for s in self.spans}

    def text(self) -> str:
        """All that they say."""
        return "\n".join(span.to_json() for span in self.spans)


def said(span: ReadableSpan) -> Mapping[str, AttributeValue]:
    """Its attributes."""
    return span.attributes or {}
