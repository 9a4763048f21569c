"""What do a report's plots look like, as SVG that needs no script and no network?"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
_LEFT: Final = 170
_ROW: Final = 26
_HEIGHT: Final = 180
_AXIS: Final = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, its value (any unit, one unit a plot), and the value as shown."""

    label: str
    value: float
    shown: str
    kind: str = "bar"


def rows(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars, one below the other; a negative value is drawn as its size, marked."""
    longest = max((abs(bar.value) for bar in bars), default=0) or 1
    room = WIDTH - _LEFT - 110
    drawn = [
        _row(bar, index * _ROW, max(1, abs(bar.value) / longest * room))
        for index, bar in enumerate(bars)
    ]
    return _svg(title, _ROW * max(1, len(bars)), drawn, bars)


def columns(title: str, bars: Sequence[Bar]) -> str:
    """Vertical bars side by side, with the first and last name below."""
    highest = max((bar.value for bar in bars), default=0) or 1
    step = WIDTH / max(1, len(bars))
    drawn = [
        _column(bar, index * step + 1, max(1.0, step - 2), bar.value / highest)
        for index, bar in enumerate(bars)
    ]
    if bars:
        drawn.append(f'<text x="0" y="{_HEIGHT + 16}">{escape(bars[0].label)}</text>')
        last = escape(bars[-1].label)
        drawn.append(f'<text x="{WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">{last}</text>')
    return _svg(title, _HEIGHT + _AXIS, drawn, bars)


def _column(bar: Bar, left: float, width: float, share: float) -> str:
    height = max(0.0, share) * (_HEIGHT - 4)
    return (
        f'<rect class="{bar.kind}" x="{left:.1f}" width="{width:.1f}"'
        f' y="{_HEIGHT - height:.1f}" height="{height:.1f}"><title>{_tip(bar)}</title></rect>'
    )


def _row(bar: Bar, top: int, length: float) -> str:
    kind = "loss" if bar.value < 0 else bar.kind
    middle = top + 17
    return (
        f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(_cut(bar.label))}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 8}">'
        f"<title>{_tip(bar)}</title></rect>"
        f'<text x="{_LEFT + length + 6:.1f}" y="{middle}">{escape(bar.shown)}</text>'
    )


def _svg(title: str, height: int, drawn: Sequence[str], bars: Sequence[Bar]) -> str:
    """With its data as a description, so that a screen reader gets what the eye gets."""
    said = "; ".join(_tip(bar) for bar in bars)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title, quote=True)}">'
        f"<desc>{said}</desc>{''.join(drawn)}</svg>"
    )


def _tip(bar: Bar) -> str:
    return escape(f"{bar.label}: {bar.shown}")


def _cut(label: str, most: int = 24) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
