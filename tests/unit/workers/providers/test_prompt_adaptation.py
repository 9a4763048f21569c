"""Prompts adapted to a model family, so that a fallback keeps the output contract."""

from typing import Any

import pytest
from pydantic import ValidationError

from producers.contract import ChatBody
from runtime.config.catalog import Model, PromptAdaptation
from workers.providers.prompt_adaptation import adapt_prompt

SCHEMA = {"type": "object", "required": ["n"]}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def model(*capabilities: Any, **prompt: str) -> Model:  # noqa: ANN401 - capabilities
    return Model(
        family="f",
        context_window=9999,
        capabilities=frozenset(capabilities),
        prompt=PromptAdaptation(**prompt),
    )


def body(*texts: tuple[str, Any], **more: Any) -> ChatBody:  # noqa: ANN401 - parts of a body
    messages = [{"role": role, "content": content} for role, content in texts]
    return ChatBody.model_validate({"messages": messages, **more})


def test_a_model_that_needs_nothing_gets_the_very_same_body() -> None:
    asked = body(("user", "Hi"))
    assert adapt_prompt(asked, model()).body is asked


def test_the_system_prompt_is_wrapped() -> None:
    asked = body(("system", "Be brief."), ("user", "Hi"))
    adapted = adapt_prompt(asked, model(system_prefix="First.", system_suffix="Last.")).body
    assert [message.get("content") for message in adapted.messages] == [
        "First.\n\nBe brief.\n\nLast.",
        "Hi",
    ]
    assert asked.messages[0].get("content") == "Be brief."


def test_a_template_frames_the_system_prompt_and_nothing_else() -> None:
    framed = model(system_template="<rules>{system}</rules>")
    adapted = adapt_prompt(body(("developer", [{"type": "text", "text": "{x}"}])), framed).body
    assert adapted.messages[0].get("content") == "<rules>{x}</rules>"
    assert adapt_prompt(body(("user", "Hi")), framed).body.messages == [
        {"role": "user", "content": "Hi"}
    ]


def test_a_template_without_the_prompt_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="system_template"):
        model(system_template="rules")


def test_a_schema_is_put_into_words_for_a_model_without_schema_mode() -> None:
    adapted = adapt_prompt(body(("user", "Count."), response_format=FORM), model())
    assert '{"type":"object","required":["n"]}' in str(adapted.body.messages[0].get("content"))
    assert adapted.body.response_format is None
    assert len(adapted.warnings) == 1


def test_a_model_with_schema_mode_keeps_the_schema() -> None:
    adapted = adapt_prompt(body(("user", "Count."), response_format=FORM), model("json_schema"))
    assert adapted.body.response_format == FORM
    assert adapted.warnings == ()
