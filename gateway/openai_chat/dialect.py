"""OpenAI dialect: the Chat Completions interface as the gateway serves it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from gateway.answers.dialect import AnswerContext, DialectCall, Scope, StreamEncoder
from gateway.errors.api_error import ApiError, DialectError
from gateway.openai_chat.error_body import openai_error_object
from gateway.openai_chat.request import read_chat_request
from gateway.openai_chat.response import completion
from gateway.openai_chat.stream import ChatStream
from producers.contract import Done


class OpenAIChat:
    """Chat Completions."""

    name: Final[Scope] = "chat"

    def read(self, body: Mapping[str, Any]) -> DialectCall | ApiError:
        """The call in a body."""
        return read_chat_request(body)

    def answer(self, context: AnswerContext, done: Done) -> bytes:
        """The `chat.completion`."""
        return to_json(completion(context, done))

    def stream(self, context: AnswerContext) -> StreamEncoder:
        """`chat.completion.chunk` events."""
        return ChatStream(context)

    def error_status(self, error: ApiError) -> DialectError:
        """The status and type."""
        return error.openai

    def error_body(self, error: ApiError, request_id: str) -> bytes:  # noqa: ARG002 the header has it
        """`{"error": {…}}`."""
        return to_json({"error": openai_error_object(error)})
