"""Metric program: the operator's own function in a process of its own, answer by answer.

`python -m observability.evaluation.running.metric_program package.module:function SECONDS`, a child
program (`observability.child_program`): a job is an answer, its result the grade. Once the
function's module is loaded, the memory that it may take is bounded.
"""

import asyncio
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from observability.child_program import ParentPipes, alarm, bound_memory

METRIC_BYTES: Final = 1_073_741_824
"""Beyond what the process has once the function is loaded."""
_LONGEST_REASON: Final = 200
_MOST_TRACEBACKS: Final = 3
_GRACE_S: Final = 5.0
"""After its parent would have killed it."""

_MetricFunction: TypeAlias = Callable[..., Any]


def main(place: str, seconds: float) -> None:
    """Serves until the input ends."""
    parent = ParentPipes()
    try:
        function = _loaded(place)
    except Exception as error:  # noqa: BLE001 - a module may raise anything when it is imported
        parent.answer({"error": f"{place!r} can't be loaded: {_words(error)}"})
        return
    bound_memory(METRIC_BYTES)
    parent.answer({})
    tracebacks = _MOST_TRACEBACKS
    with asyncio.Runner() as runner:
        for body in parent.jobs():
            fields = json.loads(body)
            with alarm(seconds + _GRACE_S):
                try:
                    grade = _graded(runner, function, fields)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the operator's own code
                    grade = {"error": f"raised {type(error).__name__}"}
                    # its words may quote the answer: for the terminal, not for the results
                    if tracebacks:
                        traceback.print_exception(error, limit=-3)
                        tracebacks -= 1
            parent.answer(grade)


def _loaded(place: str) -> _MetricFunction:
    module, _, name = place.partition(":")
    function: _MetricFunction = getattr(importlib.import_module(module), name)
    if not callable(function):
        raise TypeError("it is no function")
    return function


def _graded(
    runner: asyncio.Runner, function: _MetricFunction, fields: dict[str, Any]
) -> dict[str, Any]:
    """`score`: from 0 to 1, null for an answer that the function says nothing of; or `error`.

    Raises whatever the function raises.
    """
    given = function(**fields)
    if inspect.isawaitable(given):
        given = runner.run(_awaited(given))
    if given is None:
        return {"score": None}
    if isinstance(given, str | bytes):
        return {"error": f"gave a {type(given).__name__}, not a bool or a number"}
    score = float(given)
    # also not a number: that is neither above nor below
    return {"score": score} if 0 <= score <= 1 else {"error": f"gave {score:g}, not 0 to 1"}


async def _awaited(given: Any) -> Any:  # noqa: ANN401 - whatever the function gives
    return await given


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
