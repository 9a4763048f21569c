"""Parameter tables: the treatment of each OpenAI chat parameter in another dialect.

Every dialect has one table. A parameter is passed, renamed, shaped by the dialect's own code,
dropped with a warning in the reply, or refused. A value that asks for nothing (`n: 1`,
`logprobs: false`) is left out in silence where the parameter isn't known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from producers.contract import ChatBody


@dataclass(frozen=True, slots=True)
class Passed:
    """Goes onto the wire as it is."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """The same value under the name `to`."""

    to: str


@dataclass(frozen=True, slots=True)
class Shaped:
    """The dialect's code translates it; `to` says into what, for a reader of the table."""

    to: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Left out, with a warning that says why."""

    why: str


@dataclass(frozen=True, slots=True)
class ParameterRefused:
    """The answer would not be what was asked for, so the request isn't sent."""

    why: str


_Changing: TypeAlias = Renamed | Dropped | ParameterRefused
Treatment: TypeAlias = Passed | Shaped | _Changing

ASKS_FOR_NOTHING: Final[Mapping[str, Any]] = {
    "n": 1,
    "logprobs": False,
    "top_logprobs": 0,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
    "store": False,
    "stream": False,
    "tools": [],
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "service_tier": "auto",
}
"""Values that equal the parameter's absence."""


@dataclass(frozen=True, slots=True)
class ParameterTable:
    """A dialect's treatment of every parameter; `unlisted` applies to those without a row."""

    rows: Mapping[str, Treatment]
    unlisted: Treatment

    def treatment(self, name: str) -> Treatment:
        """What happens to the parameter `name`."""
        return self.rows.get(name, self.unlisted)


@dataclass(slots=True)
class AppliedParameters:
    """wire: fields ready to send; shaped: what the dialect still has to translate."""

    wire: dict[str, Any] = field(default_factory=dict)
    shaped: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    changed: bool = False
    """A parameter goes out under another name, or not at all."""


def apply_parameters(table: ParameterTable, body: ChatBody) -> AppliedParameters:
    """Treat every parameter that the caller set; None is as good as not set."""
    applied = AppliedParameters()
    rows, unlisted = table.rows, table.unlisted
    for fields in (body.__dict__, body.model_extra or {}):
        for name, value in fields.items():
            if value is None:
                continue
            treatment = rows.get(name, unlisted)
            if isinstance(treatment, Passed):
                applied.wire[name] = value
            elif isinstance(treatment, Shaped):
                applied.shaped[name] = value
            else:
                _treat(applied, name, value, treatment)
    return applied


def _treat(applied: AppliedParameters, name: str, value: object, treatment: _Changing) -> None:
    applied.changed = True
    match treatment:
        case Renamed(to):
            applied.wire[to] = value
        case Dropped(why):
            if not _asks_for_nothing(name, value):
                applied.warnings.append(f"{name} was dropped: {why}")
        case ParameterRefused(why):
            if not _asks_for_nothing(name, value):
                applied.refusals.append(f"{name}: {why}")
        case _:
            assert_never(treatment)


def _asks_for_nothing(name: str, value: object) -> bool:
    return name in ASKS_FOR_NOTHING and value == ASKS_FOR_NOTHING[name]
