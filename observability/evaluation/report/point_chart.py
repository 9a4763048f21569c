"""Point charts as geometry: the cost-quality picture and the distribution of times.

A template draws them as SVG. Why no chart library does is in ADR 0018.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

_WIDTH: Final = 720
_HEIGHT: Final = 320
_LEFT: Final = 64
_RIGHT: Final = 24
_TOP: Final = 28
_BOTTOM: Final = 44
_TICKS: Final = 5
_LINE: Final = 14


@dataclass(frozen=True, slots=True)
class PlottedPoint:
    """One candidate in the picture. Coordinates are the view box's units."""

    name: str
    x: float
    y: float
    low: float
    high: float
    """The ends of the interval, as y."""
    on_front: bool
    tip: str
    label_y: float
    anchor: Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class PointChart:
    """A whole picture; `front` is the path through the points that nothing beats."""

    title: str
    x_title: str
    y_title: str
    points: Sequence[PlottedPoint]
    front: str
    x_ticks: Sequence[AxisTick]
    y_ticks: Sequence[AxisTick]
    description: str
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class CostQuality:
    """One candidate's place: cost in any unit above 0, shares of good answers."""

    name: str
    cost: float
    shown_cost: str
    success: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TimeCurve:
    """The share of answers (y) that came within a time (x)."""

    name: str
    path: str
    style: int
    label_y: float


@dataclass(frozen=True, slots=True)
class TimeChart:
    """The curves of all candidates over a logarithmic axis of milliseconds."""

    title: str
    curves: Sequence[TimeCurve]
    x_ticks: Sequence[AxisTick]
    y_ticks: Sequence[AxisTick]
    description: str
    width: int = _WIDTH
    height: int = _HEIGHT


def pareto_front(places: Sequence[CostQuality]) -> list[CostQuality]:
    """Those than which no other is both cheaper and better, the cheapest first."""
    front: list[CostQuality] = []
    for place in sorted(places, key=lambda each: (each.cost, -each.success)):
        if not front or place.success > front[-1].success:
            front.append(place)
    return front


def cost_quality_chart(places: Sequence[CostQuality]) -> PointChart | None:
    """The picture; None of nothing. Cost is on a logarithmic axis."""
    if not places:
        return None
    across = _Scale.logarithmic([place.cost for place in places], _LEFT, _WIDTH - _RIGHT)
    floor = max(0.0, min(place.low for place in places) - 0.02)
    top = min(1.0, max(place.high for place in places) + 0.02)
    up = _Scale(floor, top, _HEIGHT - _BOTTOM, _TOP)
    front = pareto_front(places)
    labels = _apart([up.at(place.success) for place in places])
    points = [
        _plotted(place, (across, up), label, on_front=place in front)
        for place, label in zip(places, labels, strict=True)
    ]
    corners = [f"{across.at(math.log10(each.cost))},{up.at(each.success)}" for each in front]
    return PointChart(
        title="Cost and quality",
        x_title="cost of a good answer (logarithmic)",
        y_title="good answers",
        points=points,
        front=" ".join(corners),
        x_ticks=[AxisTick(across.at(math.log10(each.cost)), each.shown_cost) for each in front],
        y_ticks=_share_ticks(floor, top, up),
        description="; ".join(point.tip for point in points),
    )


def _plotted(
    place: CostQuality, scales: "tuple[_Scale, _Scale]", label_y: float, *, on_front: bool
) -> PlottedPoint:
    across, up = scales
    x = across.at(math.log10(place.cost))
    share = f"{place.success:.1%} ({place.low:.1%} to {place.high:.1%})"
    return PlottedPoint(
        name=place.name,
        x=x,
        y=up.at(place.success),
        low=up.at(place.low),
        high=up.at(place.high),
        on_front=on_front,
        tip=f"{place.name}: {share}, {place.shown_cost}",
        label_y=label_y,
        anchor="end" if x > _WIDTH * 0.7 else "start",
    )


def time_chart(times: Mapping[str, Sequence[float]]) -> TimeChart | None:
    """The distributions of times in milliseconds; None where there are none."""
    known = {name: sorted(each) for name, each in times.items() if each}
    if not known:
        return None
    everything = [max(0.1, value) for values in known.values() for value in values]
    across = _Scale.logarithmic(everything, _LEFT, _WIDTH - _RIGHT - 150)
    up = _Scale(0, 1, _HEIGHT - _BOTTOM, _TOP)
    labels = _apart([up.at(1) + _LINE * n for n in range(len(known))])
    curves = [
        TimeCurve(name, _steps(values, across, up), number % 8, label)
        for number, ((name, values), label) in enumerate(zip(known.items(), labels, strict=True))
    ]
    middle = "; ".join(f"{name}: median {_median(each):,.0f} ms" for name, each in known.items())
    return TimeChart(
        title="Time of the provider's call",
        curves=curves,
        x_ticks=_decades(min(everything), max(everything), across),
        y_ticks=[AxisTick(up.at(share / 4), f"{share * 25} %") for share in range(5)],
        description=middle,
    )


def _steps(values: Sequence[float], across: "_Scale", up: "_Scale") -> str:
    """At most a hundred points of the cumulative curve."""
    number = len(values)
    ranks = sorted({round(share * (number - 1) / 99) for share in range(100)})
    return " ".join(
        f"{across.at(math.log10(max(0.1, values[rank])))},{up.at((rank + 1) / number)}"
        for rank in ranks
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to the view box."""

    low: float
    high: float
    begin: float
    end: float

    @classmethod
    def logarithmic(cls, values: Sequence[float], begin: float, end: float) -> "_Scale":
        low, high = math.log10(min(values)), math.log10(max(values))
        room = max(0.15, (high - low) * 0.08)
        return cls(low - room, high + room, begin, end)

    def at(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.begin + share * (self.end - self.begin), 1)


def _share_ticks(floor: float, top: float, up: _Scale) -> list[AxisTick]:
    shares = [floor + (top - floor) * step / (_TICKS - 1) for step in range(_TICKS)]
    return [AxisTick(up.at(share), f"{share:.1%}") for share in shares]


def _decades(low: float, high: float, across: _Scale) -> list[AxisTick]:
    ticks = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if low * 0.7 <= value <= high * 1.4:
                ticks.append(AxisTick(across.at(math.log10(value)), f"{value:,g} ms"))
    return ticks if len(ticks) <= _TICKS * 2 else ticks[::3]


def _apart(places: Sequence[float]) -> list[float]:
    """Labels' places moved down until none covers another."""
    moved = [0.0] * len(places)
    last = -math.inf
    for place in sorted(range(len(places)), key=lambda each: places[each]):
        last = max(places[place], last + _LINE)
        moved[place] = round(last, 1)
    return moved


def _median(values: Sequence[float]) -> float:
    return values[(len(values) - 1) // 2]
