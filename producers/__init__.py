"""Publish LLM requests to Kafka and await, stream or consume the replies."""

from .client import (
    ClientOverloadedError,
    ReplyTimeoutError,
    RequestTooLargeError,
    RouterClient,
    chat,
)
from .codec import DecodeError
from .messages import Chunk, Done, Failed, Reply, Request, Routing, Usage
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
    "Request",
    "RequestTooLargeError",
    "RouterClient",
    "Routing",
    "Usage",
    "chat",
]
