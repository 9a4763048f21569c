"""Anthropic dialect: the Messages interface as the gateway serves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_json

from gateway.answers.dialect import AnswerContext, DialectCall, Scope, StreamEncoder
from gateway.anthropic_messages.error_body import anthropic_error_object
from gateway.anthropic_messages.request import read_messages_request
from gateway.anthropic_messages.response import message_of
from gateway.anthropic_messages.stream import MessagesStream
from gateway.errors.api_error import ApiError, DialectError
from producers.contract import Done


@dataclass(frozen=True, slots=True)
class AnthropicMessages:
    """Messages."""

    betas: str | None = None
    """The caller's `anthropic-beta` header."""
    name: Final[Scope] = "messages"

    def read(self, body: Mapping[str, Any]) -> DialectCall | ApiError:
        """The call in a body."""
        return read_messages_request(body, betas=self.betas)

    def answer(self, context: AnswerContext, done: Done) -> bytes:
        """The message."""
        return to_json(message_of(context, done))

    def stream(self, context: AnswerContext) -> StreamEncoder:
        """The message's events."""
        return MessagesStream(context)

    def error_status(self, error: ApiError) -> DialectError:
        """The status and type."""
        return error.anthropic

    def error_body(self, error: ApiError, request_id: str) -> bytes:
        """`{"type": "error", …}`."""
        return to_json(anthropic_error_object(error, request_id))
