"""Client of Switchgear: publish LLM requests to Kafka, and await, stream or consume the replies.

Depends on aiokafka, pydantic and opentelemetry-api; on nothing else of this repository.
"""

from .client import (
    ClientOverloadedError,
    ReplyTimeoutError,
    ReplyTopicError,
    RequestTooLargeError,
    RouterClient,
    WrongZoneError,
    chat,
)
from .contract import Chunk, Done, Failed, Reply, Request, Routing, Usage
from .contract.codec import DecodeError
from .settings import ClientSettings

__all__ = [
    "Chunk",
    "ClientOverloadedError",
    "ClientSettings",
    "DecodeError",
    "Done",
    "Failed",
    "Reply",
    "ReplyTimeoutError",
    "ReplyTopicError",
    "Request",
    "RequestTooLargeError",
    "RouterClient",
    "Routing",
    "Usage",
    "WrongZoneError",
    "chat",
]
