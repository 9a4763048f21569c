"""Answer checks: the validators of one request, run off the event loop."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from observability.tracing.request_trace import RequestTrace
from observability.tracing.semconv import CHECKS_FAILED
from producers.contract import Validator
from workers.checks.checking_process import run_contained
from workers.checks.validators import CheckFunction, CheckProblem, failed_checks, invalid_checks

_T = TypeVar("_T")
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="answer-checks")
"""Their own: however many checks are slow, everything else that needs a thread goes on."""


@dataclass(frozen=True, slots=True)
class AnswerChecks:
    """The checks of one request: its own, or its task's."""

    validators: Sequence[Validator]
    named: Mapping[str, CheckFunction]
    """The operator's own."""
    deadline_ms: int | None = None
    """Unix milliseconds; None = the request has none."""

    async def mistake(self) -> str | None:
        """What is wrong with the checks themselves, for the caller; None if nothing is."""
        if not self.validators:
            return None
        return await _on_thread(
            lambda: invalid_checks(self.validators, self.named, run_contained, self._left_s)
        )

    async def problems(
        self, answer: Mapping[str, Any], trace: RequestTrace
    ) -> tuple[CheckProblem, ...]:
        """What is wrong with an answer; on a thread, as patterns and schemas may be slow.

        trace: gets a step that names the checks that failed.
        """
        if not self.validators:
            return ()
        with trace.span("validate") as span:
            problems = await _on_thread(
                lambda: failed_checks(
                    self.validators, answer, self.named, self._left_s, run_contained
                )
            )
            if problems:
                span.error = "validation_failed"
                span.attributes = {CHECKS_FAILED: [problem.check for problem in problems]}
        return problems

    async def refusal(self, answer: Mapping[str, Any], trace: RequestTrace) -> str | None:
        """Why a stored answer doesn't serve, in words that follow "the kept answer"."""
        if await self.mistake() is not None:
            return "can't be checked: the request's checks are wrong"
        problems = await self.problems(answer, trace)
        kinds = ", ".join(problem.check for problem in problems)
        return f"fails the request's checks: {kinds}" if problems else None

    @property
    def _left_s(self) -> float:
        """Until the deadline, when the thread is free."""
        return math.inf if self.deadline_ms is None else self.deadline_ms / 1000 - time.time()


async def _on_thread(check: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, check)
