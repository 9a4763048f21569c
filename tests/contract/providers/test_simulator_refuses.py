"""The simulator refuses an odd request as a provider does: whose fault it is decides who pays."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from dev.simulator.process import Running

ASKED = {"model": "gpt-5-mini", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/anthropic/v1/messages"])
@pytest.mark.parametrize(
    "odd",
    [
        {"tools": [{"type": "function"}]},
        {"tools": [3]},
        {"tools": {"a": 1}},
        {"messages": [3]},
        {"messages": [{"content": "no role"}]},
        {"tool_choice": {"type": "function"}},
    ],
)
def test_an_odd_field_is_the_callers_fault(
    simulator: Running, path: str, odd: dict[str, object]
) -> None:
    body = json.dumps(ASKED | odd).encode()
    headers = {"content-type": "application/json", "x-api-key": "k", "anthropic-version": "1"}
    asked = Request(f"{simulator.address}{path}", body, headers)  # noqa: S310 - our own address
    try:
        with urlopen(asked) as answer:  # noqa: S310 - our own address
            status = answer.status
    except HTTPError as refused:
        status = refused.code
    assert status in {200, 400}
