"""Answer checks: the validators of one request, run off the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observability.tracing.request_trace import RequestTrace
from observability.tracing.semconv import CHECKS_FAILED
from producers.contract import Validator
from workers.calling.validators import CheckFunction, CheckProblem, failed_checks, invalid_checks


@dataclass(frozen=True, slots=True)
class AnswerChecks:
    """The checks of one request: its own, or its task's."""

    validators: Sequence[Validator]
    named: Mapping[str, CheckFunction]
    """The operator's own."""

    async def mistake(self) -> str | None:
        """What is wrong with the checks themselves, for the caller; None if nothing is."""
        if not self.validators:
            return None
        return await asyncio.to_thread(invalid_checks, self.validators, self.named)

    async def problems(
        self, answer: Mapping[str, Any], trace: RequestTrace
    ) -> tuple[CheckProblem, ...]:
        """What is wrong with an answer; on a thread, as patterns and schemas may be slow.

        trace: gets a step that names the checks that failed.
        """
        if not self.validators:
            return ()
        with trace.span("validate") as span:
            problems = await asyncio.to_thread(failed_checks, self.validators, answer, self.named)
            if problems:
                span.error = "validation_failed"
                span.attributes = {CHECKS_FAILED: [problem.check for problem in problems]}
        return problems
