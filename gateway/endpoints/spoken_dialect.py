"""Spoken dialect: which of them a caller expects where the path alone doesn't say."""

from typing import Final

from starlette.types import Scope

from gateway.answers.dialect import HttpDialect
from gateway.anthropic_messages.dialect import AnthropicMessages
from gateway.openai_chat.dialect import OpenAIChat

CHAT_DIALECT: Final = OpenAIChat()
MESSAGES_DIALECT: Final = AnthropicMessages()
_ALL: Final[tuple[HttpDialect, ...]] = (CHAT_DIALECT, MESSAGES_DIALECT)


def dialect_named(name: str) -> HttpDialect:
    """The dialect of that name; OpenAI's where it isn't known here."""
    return next((dialect for dialect in _ALL if dialect.name == name), CHAT_DIALECT)


def spoken_dialect(scope: Scope) -> HttpDialect:
    """Anthropic's clients send their version with each request."""
    if any(name.lower() == b"anthropic-version" for name, _ in scope["headers"]):
        return MESSAGES_DIALECT
    return MESSAGES_DIALECT if "/messages" in scope["path"] else CHAT_DIALECT
