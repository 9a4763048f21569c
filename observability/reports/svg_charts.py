"""What do a report's plots look like, as SVG that needs no script and no network?"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
_LETTER: Final = 8
"""The width of most letters, at the most."""
_LONGEST: Final = 30
"""Characters of a label that is shown whole."""
_ROW: Final = 26
_HEIGHT: Final = 180
_AXIS: Final = 22


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One bar: its name, its value (any unit, one unit a plot), and the value as shown."""

    label: str
    value: float
    shown: str
    kind: str = "bar"


def bar_chart(title: str, bars: Sequence[ChartBar]) -> str:
    """Horizontal bars, one below the other; a negative value is drawn as its size, marked."""
    longest = max((abs(bar.value) for bar in bars), default=0) or 1
    left = 8 + _LETTER * max((len(_cut(bar.label)) for bar in bars), default=0)
    room = WIDTH - left - 110
    drawn = [
        _row(bar, left, index * _ROW, max(1, abs(bar.value) / longest * room))
        for index, bar in enumerate(bars)
    ]
    return _svg(title, "rows", _ROW * max(1, len(bars)), drawn, bars)


def column_chart(title: str, bars: Sequence[ChartBar]) -> str:
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
    return _svg(title, "columns", _HEIGHT + _AXIS, drawn, bars)


def _column(bar: ChartBar, left: float, width: float, share: float) -> str:
    height = max(0.0, share) * (_HEIGHT - 4)
    return (
        f'<rect class="{bar.kind}" x="{left:.1f}" width="{width:.1f}"'
        f' y="{_HEIGHT - height:.1f}" height="{height:.1f}"><title>{_tip(bar)}</title></rect>'
    )


def _row(bar: ChartBar, left: int, top: int, length: float) -> str:
    kind = "loss" if bar.value < 0 else bar.kind
    middle = top + 17
    return (
        f'<text x="{left - 8}" y="{middle}" text-anchor="end">{escape(_cut(bar.label))}</text>'
        f'<rect class="{kind}" x="{left}" y="{top + 4}" width="{length:.1f}" height="{_ROW - 8}">'
        f"<title>{_tip(bar)}</title></rect>"
        f'<text x="{left + length + 6:.1f}" y="{middle}">{escape(bar.shown)}</text>'
    )


def _svg(title: str, kind: str, height: int, drawn: Sequence[str], bars: Sequence[ChartBar]) -> str:
    """With its data as a description, so that a screen reader gets what the eye gets."""
    name = escape(title, quote=True)
    said = "; ".join(_tip(bar) for bar in bars)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{name}">'
        f'<svg class="{kind}" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">'
        f"<desc>{said}</desc>{''.join(drawn)}</svg></div>"
    )


def _tip(bar: ChartBar) -> str:
    return escape(f"{bar.label}: {bar.shown}")


def _cut(label: str) -> str:
    """Without its middle if it is too long: groups differ at both ends."""
    half = (_LONGEST - 1) // 2
    return label if len(label) <= _LONGEST else f"{label[:half]}…{label[-half:]}"
