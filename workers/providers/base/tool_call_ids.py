"""Tool call ids: foreign or missing ids mapped to what a provider takes, on both sides alike.

A conversation may change over from one provider to another in its middle. Its ids come from the
first, and each provider has its own idea of what an id looks like.
"""

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from workers.providers.base.shapes import UnsupportedContent


@dataclass(frozen=True, slots=True)
class IdForm:
    """What a provider's ids look like."""

    pattern: re.Pattern[str]
    longest: int
    """Characters of an id that had to be changed."""

    def conform(self, name: str) -> str:
        """`name` if it is one, else one that only `name` leads to. Always the same."""
        if self.pattern.fullmatch(name):
            return name
        # a reference, not a secret: collisions within one conversation are what must not happen
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return digest[: self.longest]


CLAUDE_IDS: Final = IdForm(re.compile(r"[a-zA-Z0-9_-]{1,64}"), 32)
"""Anthropic's pattern and Bedrock's length."""
MISTRAL_IDS: Final = IdForm(re.compile(r"[a-zA-Z0-9]{9}"), 9)
OPENAI_IDS: Final = IdForm(re.compile(r".{1,40}", re.DOTALL), 32)


@dataclass(slots=True)
class ToolCallIds:
    """The ids of one conversation, given out in its order."""

    form: IdForm
    _open: list[tuple[str, str]] = field(default_factory=list)
    """(id as told, id on the wire) of the calls without a result so far."""

    _times: dict[str, int] = field(default_factory=dict)
    _calls: int = 0

    def of_call(self, value: object) -> str:
        """The id of the next call. One that is missing, or was given before, is made."""
        name = _name(value)
        self._times[name] = self._times.get(name, 0) + 1
        if not name or self._times[name] > 1:
            wire = self.form.conform(f"{name} call {self._calls}")
        else:
            wire = self.form.conform(name)
        self._calls += 1
        self._open.append((name, wire))
        return wire

    def of_result(self, value: object, place: str) -> str:
        """The id of the call that a result answers; without one, the first that has no result."""
        name = _name(value)
        for index, (given, wire) in enumerate(self._open):
            if given == name or not name:
                del self._open[index]
                return wire
        if not name:
            raise UnsupportedContent(f"{place} is missing, and no tool call waits for a result")
        return self.form.conform(name)


def _name(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
