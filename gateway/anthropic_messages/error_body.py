"""Error object of Anthropic's interfaces."""

from typing import Any

from gateway.errors.api_error import ApiError


def anthropic_error_object(error: ApiError, request_id: str) -> dict[str, Any]:
    """The whole body, or the data of an `error` event; `code` is the contract's word, and ours."""
    told = {"type": error.anthropic.type, "message": error.message, "code": error.code}
    return {"type": "error", "error": told, "request_id": request_id}
