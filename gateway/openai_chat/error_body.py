"""Error object of OpenAI's interfaces: message, type, param and code, all four always there."""

from typing import Any

from gateway.errors.api_error import ApiError


def openai_error_object(error: ApiError) -> dict[str, Any]:
    """The value of `error` in a body or an event."""
    return {
        "message": error.message,
        "type": error.openai.type,
        "param": error.param,
        "code": error.code,
    }
