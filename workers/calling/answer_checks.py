"""Does a request's answer pass its checks, and what is done with one that doesn't?"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observability.hop import Hop
from observability.semconv import CHECKS_FAILED
from producers.messages import Validator

from .validators import Named, Problem, check, invalid


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one request: its own, or its task's."""

    validators: Sequence[Validator]
    known: Mapping[str, Named]

    async def mistake(self) -> str | None:
        """What is wrong with the checks themselves, for the caller; None if nothing is."""
        if not self.validators:
            return None
        return await asyncio.to_thread(invalid, self.validators, self.known)

    async def problems(self, answer: Mapping[str, Any], hop: Hop) -> tuple[Problem, ...]:
        """What is wrong with an answer; on a thread, as patterns and schemas may be slow.

        hop: gets a step that names the checks that failed.
        """
        if not self.validators:
            return ()
        with hop.span("validate") as span:
            found = await asyncio.to_thread(check, self.validators, answer, self.known)
            if found:
                span.error = "validation_failed"
                span.attributes = {CHECKS_FAILED: [problem.check for problem in found]}
        return found
