"""Conduct of the simulated providers: latency, limits, faults.

Settings belong to a target: a model's name on the wire, an API key (`key:…`), or `*`. They are set
by `POST /control`, and the most exact target wins, setting by setting.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from random import Random
from typing import Any, Final, Literal, TypeAlias, get_args

Fault: TypeAlias = Literal[
    "rate_limited",
    "ramp_too_fast",
    "quota_exhausted",
    "overloaded",
    "server_error",
    "context_too_long",
    "content_filtered",
    "filtered_answer",
    "bad_credentials",
    "unknown_model",
    "refusal",
    "error_in_stream",
    "cut_stream",
    "garbage",
    "hang",
    "reset",
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)


@dataclass(frozen=True, slots=True)
class Conduct:
    """latency_ms: before a whole answer; first_token_ms and tokens_per_s: the pace of a stream.

    rpm, tpm: limits per key and model. faults: the share of calls that each one hits, 1.0 = outage.
    retry_after_s: the hint sent with throttling. jitter: the share by which times vary. None = as
    the less exact target says.
    """

    latency_ms: float | None = None
    first_token_ms: float | None = None
    tokens_per_s: float | None = None
    jitter: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    context_window: int | None = None
    retry_after_s: float | None = None
    faults: Mapping[Fault, float] = field(default_factory=dict)
    accent: str | None = None
    """How its streams differ from the reference, by a name of `accents.py`."""


class Settings:
    """The conduct of every target, and the faults that the next calls will meet."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._targets: dict[str, Conduct] = {}
        self._next: dict[str, deque[Fault]] = {}
        self._seen: dict[bytes, int] = {}
        self._merged: dict[tuple[str, str], Conduct] = {}

    def set(self, told: Mapping[str, Any]) -> None:
        """Apply one control message. Raises ValueError that says what isn't known."""
        told = dict(told)
        target, upcoming = told.pop("target", "*"), told.pop("next", ())
        unknown = told.keys() - {known.name for known in fields(Conduct)}
        wrong = {*told.get("faults", ()), *upcoming} - {*FAULTS}
        if unknown or wrong:
            raise ValueError(f"unknown: {sorted(unknown | wrong)}; faults are {FAULTS}")
        self._next.setdefault(target, deque()).extend(upcoming)
        self._targets[target] = replace(self._targets.get(target, Conduct()), **told)
        self._merged.clear()

    def forget(self) -> None:
        """Back to the conduct of a perfect provider."""
        self._targets.clear()
        self._next.clear()
        self._seen.clear()
        self._merged.clear()

    def conduct(self, model: str, key: str) -> Conduct:
        """What holds for a call of `model` with `key`."""
        found = self._merged.get((model, key))
        if found is None:
            found = self._merged[model, key] = self._merge(("*", model, f"key:{key}"))
        return found

    def fault(self, conduct: Conduct, model: str, key: str, request: bytes) -> Fault | None:
        """The fault that this call meets: one announced by `next`, or one drawn by its share."""
        for target in (f"key:{key}", model, "*"):
            if self._next.get(target):
                return self._next[target].popleft()
        if not conduct.faults:
            return None
        drawn = self.draw(request).random()
        for fault, share in conduct.faults.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    def draw(self, request: bytes) -> Random:
        """Chance that depends on the seed, the request and how often it was seen: repeatable."""
        name = blake2b(request, digest_size=8).digest()
        times = self._seen[name] = self._seen.get(name, 0) + 1
        return Random(f"{self._seed}/{name.hex()}/{times}")

    def _merge(self, targets: tuple[str, ...]) -> Conduct:
        merged = Conduct()
        for target in targets:
            conduct = self._targets.get(target, Conduct())
            told = {each.name: getattr(conduct, each.name) for each in fields(Conduct)}
            merged = replace(merged, **{name: value for name, value in told.items() if value})
        return merged
