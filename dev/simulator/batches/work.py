"""Simulated batch work: what a batch holds, when it ends, and what comes of each line.

Answers are the ones that a call would get. Half of an expired or cancelled batch is done.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, TypeAlias

from dev.simulator.address import Address
from dev.simulator.answers import Script, answer
from dev.simulator.exchange import Asked, Counted, Unreadable, tokens
from dev.simulator.ledger import Called, Ledger, account, question_name
from dev.simulator.prefix_cache import PrefixCache
from dev.simulator.wire import Wire

from .batch_conduct import BatchEvent

Fate: TypeAlias = Literal["done", "invalid", "overloaded", "empty", "undone", "dropped"]


@dataclass(slots=True)
class SimulatedBatch:
    """One batch. Times: Unix seconds."""

    id: str
    provider: str
    key: str
    lines: list[tuple[str, bytes]]
    """(the caller's id, the body of a call)"""
    created: float
    seconds: float
    event: BatchEvent | None
    failures: float
    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    told: dict[str, object] = field(default_factory=dict)
    """What the caller said when it was created, and what is to be repeated to him."""
    cancelled: float | None = None
    outcome: list[tuple[str, Fate, bytes]] | None = None
    """Of each line, once it has ended."""

    def ended(self, now: float) -> bool:
        """Whether it is over."""
        if self.cancelled is not None:
            return now >= self.cancelled + min(0.2, self.seconds)
        long = 3_600 if self.event == "never" else self.seconds
        return now >= self.created + long

    @property
    def partial(self) -> bool:
        """Whether only a half was done."""
        return self.cancelled is not None or self.event == "expire"


@dataclass(slots=True)
class BatchWork:
    """Does the work of all batches."""

    wires: Mapping[str, Wire]
    script: Callable[[], Script]
    ledger: Ledger
    seed: int
    number: int = 0
    cache: PrefixCache = field(default_factory=PrefixCache)
    """Of batches alone: they don't share it with calls."""

    def finish(self, batch: SimulatedBatch) -> list[tuple[str, Fate, bytes]]:
        """What came of each line, in no order: worked out once, and noted as paid."""
        if batch.outcome is None:
            batch.outcome = list(self._outcomes(batch))
            random.Random(batch.id).shuffle(batch.outcome)
        return batch.outcome

    def _outcomes(self, batch: SimulatedBatch) -> Iterator[tuple[str, Fate, bytes]]:
        half = len(batch.lines) // 2
        for place, (name, body) in enumerate(batch.lines):
            if batch.partial and place >= half:
                yield name, "undone", b""
                continue
            if batch.event == "drop_lines" and place % 10 == 0:
                yield name, "dropped", b""
                continue
            yield name, *self._one(batch, body)

    def _one(self, batch: SimulatedBatch, body: bytes) -> tuple[Fate, bytes]:
        lot = int.from_bytes(blake2b(batch.id.encode() + body, digest_size=8).digest()) / 2**64
        if lot < batch.failures:
            return ("overloaded" if lot < batch.failures / 2 else "empty"), b""
        dialect = {"anthropic": "anthropic", "aws": "bedrock"}.get(batch.provider, "openai")
        wire = self.wires[dialect]
        address = Address(dialect, batch.provider, batch.key, batch.model)  # type: ignore[arg-type]
        try:
            asked = wire.parse(address, batch.headers, body)
        except Unreadable as problem:
            return "invalid", wire.rejected(batch.provider, problem)[2]
        return "done", self._answered(wire, asked, batch)

    def _counted(self, asked: Asked, output: int, batch: SimulatedBatch) -> Counted:
        """Claude's items read what batches wrote that had ended before, and not one another's."""
        if batch.provider == "anthropic":
            return self.cache.count(asked, output, batch.created, batch.created + batch.seconds)
        return Counted(sum(tokens(block.text) for block in asked.blocks), output)

    def _answered(self, wire: Wire, asked: Asked, batch: SimulatedBatch) -> bytes:
        said = answer(asked, self.script(), self.seed)
        output = tokens(said.text + "".join(call.arguments for call in said.tool_calls))
        counted = self._counted(asked, output, batch)
        self.number += 1
        self.ledger.add(
            Called(
                time.time(),
                asked.dialect,
                asked.model,
                account(asked.key),
                None,
                stream=False,
                status=200,
                fault=None,
                input_tokens=counted.prompt,
                cached_tokens=counted.read,
                written_tokens=counted.written_5m + counted.written_1h,
                output_tokens=counted.output,
                batch=True,
                question=question_name(asked.question),
            )
        )
        return wire.whole(asked, said, counted, self.number)
