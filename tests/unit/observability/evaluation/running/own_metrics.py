"""Metrics as an operator writes them."""

from typing import Any


def sync_metric(*, answer: str, reference: str, context: str | None, messages: Any) -> bool:  # noqa: ANN401
    return answer == reference and context is None and "Ask" in messages[0]["content"]


async def async_metric(*, answer: str, reference: str, **_: Any) -> float:  # noqa: ANN401
    return 0.9 if answer == reference else 0.1


def broken_metric(**fields: Any) -> bool:  # noqa: ANN401
    return bool(fields["nothing"])
