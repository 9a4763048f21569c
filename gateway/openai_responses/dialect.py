"""Responses dialect: OpenAI's Responses interface as the gateway serves it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from gateway.answers.dialect import AnswerContext, DialectCall, Scope, StreamEncoder
from gateway.errors.api_error import ApiError, DialectError
from gateway.openai_chat.error_body import openai_error_object
from gateway.openai_responses.request import ResponseHistory, read_responses_request
from gateway.openai_responses.response import finished_response
from gateway.openai_responses.stream import ResponsesStream
from producers.contract import Done


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """Responses, to a request that may go on from an earlier one."""

    history: ResponseHistory = field(default_factory=ResponseHistory)
    after: int = -1
    """The number of the last event that the caller has."""
    name: Final[Scope] = "responses"

    def read(self, body: Mapping[str, Any]) -> DialectCall | ApiError:
        """The call in a body."""
        return read_responses_request(body, self.history)

    def answer(self, context: AnswerContext, done: Done) -> bytes:
        """The `response`."""
        return to_json(finished_response(context, done))

    def stream(self, context: AnswerContext) -> StreamEncoder:
        """The response's events."""
        return ResponsesStream(context, self.after)

    def error_status(self, error: ApiError) -> DialectError:
        """The status and type."""
        return error.openai

    def error_body(self, error: ApiError, request_id: str) -> bytes:  # noqa: ARG002 the header has it
        """`{"error": {…}}`."""
        return to_json({"error": openai_error_object(error)})
