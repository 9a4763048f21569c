"""Checking program: runs the checks of its parent one by one, within memory and time.

`python -m workers.checks.checking_program`, a child program (`observability.child_program`).
"""

from typing import Final

from observability.child_program import ParentPipes, alarm, bound_memory
from runtime import limits
from workers.checks.foreign_check import decoded, run_here

_GRACE_S: Final = 1.0
"""After its parent would have killed it."""


def main() -> None:
    """Serves until the input ends."""
    parent = ParentPipes()
    bound_memory(limits.CHECK_MEMORY.value)
    parent.answer(None)  # ready
    for body in parent.jobs():
        job, seconds = decoded(body)
        with alarm(seconds + _GRACE_S):
            try:
                problem = run_here(job, seconds)
            except Exception as error:  # noqa: BLE001 - whatever a check breaks on, the next one is served
                problem = f"its check broke off: {type(error).__name__}"
        parent.answer(problem)


if __name__ == "__main__":
    main()
