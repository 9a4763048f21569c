"""Bar charts as geometry: rectangles and labels that a template draws as SVG.

Why no chart library draws them: docs/adr/0018-libraries-kept-and-replaced.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

WIDTH: Final = 720
_LETTER: Final = 8
"""The width of most letters, at the most."""
_LONGEST: Final = 30
"""Characters of a label that is shown whole."""
_ROW: Final = 26
_HEIGHT: Final = 180
_AXIS: Final = 22

BarKind: TypeAlias = Literal["bar", "cost", "saving", "loss"]
"""The colours of report.css."""


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One bar of a chart."""

    label: str
    value: float
    """In any unit, the same for all bars of a chart."""
    shown: str
    """The value, for people."""
    kind: BarKind = "bar"

    @property
    def tip(self) -> str:
        """What the pointer over the bar, and a screen reader, say of it."""
        return f"{self.label}: {self.shown}"


@dataclass(frozen=True, slots=True)
class ChartRectangle:
    """A bar as it is drawn. Lengths are the view box's units, to a tenth."""

    kind: BarKind
    x: float
    y: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True, slots=True)
class ChartLabel:
    """A text at its place; `anchor` says which end of it stands at x."""

    text: str
    x: float
    y: float
    anchor: Literal["start", "end"] = "start"


@dataclass(frozen=True, slots=True)
class BarChart:
    """A whole chart; `description` is its data in words."""

    title: str
    kind: Literal["rows", "columns"]
    height: int
    rectangles: Sequence[ChartRectangle]
    labels: Sequence[ChartLabel]
    description: str
    width: int = WIDTH


def horizontal_bars(title: str, bars: Sequence[ChartBar]) -> BarChart:
    """One bar below the other; a negative value is drawn as its size, marked as a loss."""
    longest = max((abs(bar.value) for bar in bars), default=0) or 1
    left = 8 + _LETTER * max((len(_shortened(bar.label)) for bar in bars), default=0)
    room = WIDTH - left - 110
    rectangles = [
        ChartRectangle(
            kind="loss" if bar.value < 0 else bar.kind,
            x=left,
            y=row * _ROW + 4,
            width=round(max(1, abs(bar.value) / longest * room), 1),
            height=_ROW - 8,
            tip=bar.tip,
        )
        for row, bar in enumerate(bars)
    ]
    labels = [
        label
        for bar, drawn in zip(bars, rectangles, strict=True)
        for label in _row_labels(bar, drawn)
    ]
    return _chart(title, "rows", _ROW * max(1, len(bars)), rectangles, labels)


def vertical_bars(title: str, bars: Sequence[ChartBar]) -> BarChart:
    """Bars side by side, with the first and last name below."""
    highest = max((bar.value for bar in bars), default=0) or 1
    step = WIDTH / max(1, len(bars))
    rectangles = []
    for column, bar in enumerate(bars):
        height = round(max(0.0, bar.value / highest) * (_HEIGHT - 4), 1)
        rectangles.append(
            ChartRectangle(
                kind=bar.kind,
                x=round(column * step + 1, 1),
                y=round(_HEIGHT - height, 1),
                width=round(max(1.0, step - 2), 1),
                height=height,
                tip=bar.tip,
            )
        )
    below = _HEIGHT + 16
    labels = []
    if bars:
        labels = [
            ChartLabel(bars[0].label, 0, below),
            ChartLabel(bars[-1].label, WIDTH, below, "end"),
        ]
    return _chart(title, "columns", _HEIGHT + _AXIS, rectangles, labels)


def _row_labels(bar: ChartBar, drawn: ChartRectangle) -> Iterator[ChartLabel]:
    baseline = drawn.y + 13
    yield ChartLabel(_shortened(bar.label), drawn.x - 8, baseline, "end")
    yield ChartLabel(bar.shown, round(drawn.x + drawn.width + 6, 1), baseline)


def _chart(
    title: str,
    kind: Literal["rows", "columns"],
    height: int,
    rectangles: Sequence[ChartRectangle],
    labels: Sequence[ChartLabel],
) -> BarChart:
    description = "; ".join(rectangle.tip for rectangle in rectangles)
    return BarChart(title, kind, height, rectangles, labels, description)


def _shortened(label: str) -> str:
    """Without its middle if it is too long: groups differ at both ends."""
    half = (_LONGEST - 1) // 2
    return label if len(label) <= _LONGEST else f"{label[:half]}…{label[-half:]}"
