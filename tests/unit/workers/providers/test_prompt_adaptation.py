"""Prompts adapted to a model family, so that a fallback keeps the output contract."""

from typing import Any

import pytest
from pydantic import ValidationError

from producers.contract import ChatBody
from runtime.config.catalog import Model, PromptAdaptation
from runtime.config.prompt_table import PromptTable
from runtime.config.sections.prompts import PromptVariants, SystemPrompt
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


def prompts(use: int | None) -> PromptTable:
    """A system prompt written for `f`, with two versions for `g`."""
    variants = PromptVariants(use=use, versions={1: "Brief!", 2: "<rule>Brief.</rule>"})
    own = SystemPrompt(written_for="f", system="Be brief.\n", variants={"g": variants})
    return PromptTable({"short": own})


@pytest.mark.parametrize("said", ["Be brief.", "  Be brief.\n", "Brief!"])
def test_a_family_gets_the_version_of_the_system_prompt_that_won(said: str) -> None:
    asked = body(("system", said), ("user", "Hi"))
    other = model().model_copy(update={"family": "g" if said != "Brief!" else "f"})
    adapted = adapt_prompt(asked, other, prompts(2))
    wanted = "<rule>Brief.</rule>" if said != "Brief!" else "Be brief.\n"
    assert adapted.body.messages[0] == {"role": "system", "content": wanted}
    assert adapted.body.messages[1:] == asked.messages[1:]
    assert "'short' was sent" in adapted.warnings[0]


@pytest.mark.parametrize(("use", "family"), [(None, "g"), (2, "h")])
def test_without_a_variant_the_caller_is_told_whom_the_prompt_was_written_for(
    use: int | None, family: str
) -> None:
    asked = body(("system", "Be brief."), ("user", "Hi"))
    adapted = adapt_prompt(asked, model().model_copy(update={"family": family}), prompts(use))
    assert adapted.body is asked
    assert adapted.warnings == (
        f"the system prompt 'short' was written for f, and has no variant for {family}",
    )


@pytest.mark.parametrize(
    "asked", [body(("system", "Be brief."), ("user", "Hi")), body(("system", "Unknown."))]
)
def test_its_own_family_and_unknown_prompts_are_left_alone(asked: ChatBody) -> None:
    adapted = adapt_prompt(asked, model(), prompts(2))
    assert adapted.body is asked
    assert adapted.warnings == ()


def test_a_version_that_is_to_be_used_must_be_there() -> None:
    with pytest.raises(ValidationError, match="there is no version 3"):
        PromptVariants(use=3, versions={1: "x"})
