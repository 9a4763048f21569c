"""Every field of the contract says what it holds: the AsyncAPI document is made of it."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from pydantic import BaseModel

from producers.contract import Chunk, Done, Failed, Request, TaggedRequest, UsageEvent
from producers.contract.feedback import Feedback

OF_OPENAI: Final = {"messages", "temperature", "tools", "response_format", "role", "tool_calls"}
"""Described by OpenAI's own documentation."""

SELF_EVIDENT: Final = OF_OPENAI | {"tool_call_id", "type", "kind"}


def undescribed(schema: dict[str, Any]) -> Iterator[str]:
    """Fields without a description of their own or of the model that they refer to."""
    models = {schema["title"]: schema, **schema.get("$defs", {})}
    for name, model in models.items():
        for field, value in model.get("properties", {}).items():
            referred = str(value.get("$ref", "")).rpartition("/")[2]
            described = value.get("description") or models.get(referred, {}).get("description")
            if not described and field not in SELF_EVIDENT:
                yield f"{name}.{field}"


@pytest.mark.parametrize(
    "model", [Request, TaggedRequest, Chunk, Done, Failed, UsageEvent, Feedback]
)
def test_every_field_says_what_it_holds(model: type[BaseModel]) -> None:
    assert list(undescribed(model.model_json_schema())) == []
