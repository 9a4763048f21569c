"""Groundedness of an answer: how much of it the request's own context supports."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from observability.grounding.groundedness import (
    ContextSupport,
    brought_of,
    context_of,
    context_support,
)
from producers.contract import ChatBody, ChatMessage, answer_text

_LARGE: Final = 6_000
"""Characters of both from which the look-up may take a millisecond: it goes to a thread."""


def _instructs(message: ChatMessage) -> bool:
    return message["role"] in ("system", "developer")


async def support_of(body: ChatBody, answer: Mapping[str, Any]) -> ContextSupport | None:
    """None for a request that brings no context, or an answer without text."""
    context = context_of(body.messages)
    text = answer_text(answer)
    if context is None or text is None:
        return None
    # without a system message, all of the context was brought
    instructed = any(map(_instructs, body.messages))
    brought = brought_of(body.messages) if instructed else context
    if len(context) + len(text) < _LARGE:
        return context_support(text, context, brought)
    return await asyncio.to_thread(context_support, text, context, brought)
