"""Metrics as an operator writes them, good and bad: the bad ones fail at case c001."""

import math
import os
import sys
import time
from typing import Any


def sync_metric(*, answer: str, reference: str, context: str | None, messages: Any) -> bool:  # noqa: ANN401
    sys.stdout.write("an operator's function may print\n")
    return answer == reference and context is None and "Ask" in messages[0]["content"]


async def async_metric(*, answer: str, reference: str, **_: Any) -> float:  # noqa: ANN401
    return 0.9 if answer == reference else 0.1


def broken_metric(**fields: Any) -> bool:  # noqa: ANN401
    return not _fails(fields) or bool(fields["nothing"])


def odd_metric(**fields: Any) -> float:  # noqa: ANN401
    return math.nan if _fails(fields) else 1


def starry_metric(**fields: Any) -> float:  # noqa: ANN401
    return 4 if _fails(fields) else 1


def talkative_metric(**fields: Any) -> bool | str:  # noqa: ANN401
    return "good" if _fails(fields) else True


def quitting_metric(**fields: Any) -> bool:  # noqa: ANN401
    if _fails(fields):
        os._exit(3)
    return True


def greedy_metric(**fields: Any) -> bool:  # noqa: ANN401
    return not _fails(fields) or bool(bytearray(2**33))


def hanging_metric(**_: Any) -> bool:  # noqa: ANN401
    while True:
        time.sleep(0.01)


def _fails(fields: dict[str, Any]) -> bool:
    return "c001" in fields["messages"][0]["content"]
