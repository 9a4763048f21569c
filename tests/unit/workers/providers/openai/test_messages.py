"""A history with other providers' answers, as OpenAI and Mistral take it."""

from typing import Any

from workers.providers.openai.messages import (
    compatible_messages,
    mistral_messages,
    openai_messages,
)

CALL = {"id": "functions.Bash:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CLAUDE_ANSWER: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "refusal": None,
    "tool_calls": [CALL],
    "reasoning_content": "hm",
    "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}],
}
RESULT = {"role": "tool", "tool_call_id": "functions.Bash:0", "content": "Rain"}
MARKED = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
USER = {"role": "user", "content": [MARKED], "name": "Ann"}


def test_mistral_gets_its_own_fields_and_ids() -> None:
    made = mistral_messages([USER, CLAUDE_ANSWER, RESULT])
    user, answer, result = made.messages
    assert user == {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
    assert answer.keys() == {"role", "content", "tool_calls"}
    wire_id = answer["tool_calls"][0]["id"]
    assert wire_id.isalnum()
    assert len(wire_id) == 9
    assert result == {**RESULT, "tool_call_id": wire_id}
    assert made.warnings == ("the messages' name was dropped: Mistral has no such field",)


def test_openai_gets_no_thoughts_and_no_cache_marks() -> None:
    made = openai_messages([USER, CLAUDE_ANSWER, RESULT])
    user, answer, result = made.messages
    assert user == {**USER, "content": [{"type": "text", "text": "Hi"}]}
    assert answer.keys() == {"role", "content", "refusal", "tool_calls"}
    assert answer["tool_calls"] == [CALL]
    assert result == RESULT
    assert made.warnings == ()


def test_openai_gets_no_id_that_is_missing_or_too_long_for_it() -> None:
    long = {**CALL, "id": "x" * 90}
    missing = {**CALL, "id": None}
    told = [{**CLAUDE_ANSWER, "tool_calls": [long, missing]}, {**RESULT, "tool_call_id": "x" * 90}]
    answer, result = openai_messages(told).messages
    first, second = (call["id"] for call in answer["tool_calls"])
    assert result["tool_call_id"] == first
    assert 0 < len(first) <= 40
    assert 0 < len(second) <= 40
    assert first != second


def test_a_refusal_sent_back_is_what_mistral_said() -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "No."}
    said = {"role": "assistant", "content": "No.", "prefix": True}
    assert mistral_messages([refusal]).messages == [said]


def test_other_servers_get_the_chat_as_it_is_but_for_a_role_that_they_may_not_know() -> None:
    made = compatible_messages([{"role": "developer", "content": "Be good."}, CLAUDE_ANSWER])
    assert made.messages == [{"role": "system", "content": "Be good."}, CLAUDE_ANSWER]


def test_marks_on_a_call_are_for_the_provider_that_made_it() -> None:
    signed = {**CLAUDE_ANSWER, "tool_calls": [{**CALL, "extra_content": {"signature": "abc="}}]}
    for made in (openai_messages([signed]), mistral_messages([signed])):
        assert made.messages[0]["tool_calls"][0].keys() == {"id", "type", "function"}
    assert compatible_messages([signed]).messages == [signed]


def test_mistral_goes_on_with_an_answer_that_has_begun() -> None:
    begun = {"role": "assistant", "content": "The answer is"}
    assert mistral_messages([begun]).messages == [{**begun, "prefix": True}]
