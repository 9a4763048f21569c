"""Thoughts that travel with the caller: a model's signed thoughts as one opaque text, and back.

What a model thought has to come back to it unchanged when a tool has answered. A caller that keeps
the conversation itself gets it as `encrypted_content`; the signatures inside are the provider's.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json

from producers.contract.codec import MAX_MESSAGE_VALUES
from producers.json_values import read_json

_FORM: Final = "sgt1."
_MOST: Final = 64
"""Thoughts of one item."""


def sealed_thoughts(blocks: Sequence[Mapping[str, Any]]) -> str | None:
    """The text; None where nothing is signed, so that nobody would believe it."""
    signed = [block for block in blocks if block.get("signature") or block.get("data")]
    if not signed:
        return None
    return _FORM + urlsafe_b64encode(to_json(signed)).decode()


def opened_thoughts(text: object) -> list[dict[str, Any]] | None:
    """The blocks of a text of ours; None for anybody else's."""
    if not isinstance(text, str) or not text.startswith(_FORM):
        return None
    try:
        blocks = read_json(urlsafe_b64decode(text.removeprefix(_FORM)), MAX_MESSAGE_VALUES)
    except ValueError:
        return None
    if not isinstance(blocks, list) or len(blocks) > _MOST:
        return None
    return [block for block in blocks if isinstance(block, dict)]
