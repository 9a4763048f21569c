"""Whatever redis-py and a deadline raise when Redis is away has one name, and it covers all."""

import asyncio

import pytest
from redis import exceptions

from runtime.redis.errors import REDIS_UNAVAILABLE

RAISED = [
    error
    for error in vars(exceptions).values()
    if isinstance(error, type) and issubclass(error, exceptions.RedisError)
]


@pytest.mark.parametrize("error", [*RAISED, asyncio.TimeoutError, ConnectionResetError])
def test_an_absence_is_caught(error: type[Exception]) -> None:
    assert issubclass(error, REDIS_UNAVAILABLE)


@pytest.mark.parametrize("error", [asyncio.CancelledError, ValueError, KeyError])
def test_a_cancellation_or_a_mistake_of_ours_is_not(error: type[BaseException]) -> None:
    assert not issubclass(error, REDIS_UNAVAILABLE)
