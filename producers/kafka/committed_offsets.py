"""Committed offsets that a broker can't tell now, which aiokafka takes for none.

Since version 2 of the request a broker that is still loading a group, or is no longer its
coordinator, says so beside an empty list of offsets. aiokafka reads the list alone, finds nothing
committed, and begins at the oldest record: after a broker's restart in the second of a rebalance
whole partitions were read anew.

The seam is private to aiokafka, so its version is bounded in pyproject.toml, and tests hold it.
"""

from functools import wraps
from typing import Any, Final

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest

_send: Final = GroupCoordinator._send_req  # noqa: SLF001 the seam
_send_as_admin: Final = AIOKafkaAdminClient._send_request  # noqa: SLF001 the seam


def install_group_errors() -> None:
    """Makes every consumer of this process ask again, and every admin client raise.

    Harmless when repeated.
    """
    GroupCoordinator._send_req = checked_request  # noqa: SLF001 the seam
    AIOKafkaAdminClient._send_request = checked_admin_request  # noqa: SLF001 the seam


@wraps(_send)
async def checked_request(self: Any, request: Any) -> Any:  # noqa: ANN401 aiokafka has no types
    """As aiokafka's. Raises the error that answers for a group as a whole, if one does."""
    response = await _send(self, request)
    error = _group_error(request, response)
    if error is None:
        return response
    if error is errors.GroupAuthorizationFailedError:
        raise error(self.group_id)
    if error is not errors.GroupLoadInProgressError:
        self.coordinator_dead()  # whatever it is, this broker doesn't know
    raise error() if error.retriable else errors.GroupCoordinatorNotAvailableError()


@wraps(_send_as_admin)
async def checked_admin_request(self: Any, request: Any, node_id: int | None = None) -> Any:  # noqa: ANN401 aiokafka has no types
    """As aiokafka's. Raises the error that answers for a group as a whole, if one does."""
    response = await _send_as_admin(self, request, node_id)
    error = _group_error(request, response)
    if error is not None:
        raise error("the group's offsets can't be told now")
    return response


def _group_error(request: Any, response: Any) -> Any:  # noqa: ANN401 aiokafka has no types
    """The class of the error; None: there is none, or the request isn't about offsets."""
    code = getattr(response, "error_code", 0)
    return errors.for_code(code) if isinstance(request, OffsetFetchRequest) and code else None
