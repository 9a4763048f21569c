"""Metric: what calls an answer good, as an option of a command names it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

PlainMetric: TypeAlias = Literal["exact", "contains", "numeric", "grounded"]
"""Decided by the texts alone."""
CheckedMetric: TypeAlias = Literal["regex", "json-schema", "validators"]
"""Decided by the checks that a worker makes of answers, within their limits."""
MetricKind: TypeAlias = Literal[PlainMetric, CheckedMetric, "python", "judge", "human"]
METRICS: Final[tuple[str, ...]] = (
    *get_args(PlainMetric),
    *get_args(CheckedMetric),
    "python",
    "judge",
    "human",
)
_NEEDS_ARGUMENT: Final = frozenset({"python", "judge"})
_TAKES_ARGUMENT: Final = _NEEDS_ARGUMENT | {"exact", "numeric", "regex", "json-schema"}
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its argument: a pattern, a file, a tolerance, a function or a model."""

    kind: MetricKind
    argument: str = ""

    @property
    def name(self) -> str:
        """As results call it."""
        shown = self.argument if self.kind in _NEEDS_ARGUMENT else ""
        return f"{self.kind}:{shown}" if shown else self.kind

    @property
    def tolerance(self) -> float:
        """Of `numeric`: the difference that is still right, a share of the reference."""
        return float(self.argument) if self.argument else _TOLERANCE


def read_metric(text: str) -> Metric:
    """`exact`, `exact:fold`, `regex:^ok`, `numeric:0.01`, … Raises ValueError."""
    kind, colon, argument = text.partition(":")
    if kind not in METRICS:
        raise ValueError(f"there is no metric {kind[:50]!r}; there are: {', '.join(METRICS)}")
    if kind in _NEEDS_ARGUMENT and not argument:
        example = "python:package.module:function" if kind == "python" else "judge:MODEL"
        raise ValueError(f"{kind} needs an argument: {example}")
    if colon and kind not in _TAKES_ARGUMENT:
        raise ValueError(f"{kind} takes no argument")
    metric = Metric(kind, argument)  # type: ignore[arg-type]  # one of METRICS
    if kind == "exact" and argument not in {"", "fold"}:
        raise ValueError("exact takes `fold` alone, which ignores case and end marks")
    if kind == "numeric":
        _check_tolerance(metric)
    return metric


def _check_tolerance(metric: Metric) -> None:
    try:
        usable = 0 <= metric.tolerance < 1
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("numeric takes a tolerance from 0 to 1, e.g. numeric:0.01")
