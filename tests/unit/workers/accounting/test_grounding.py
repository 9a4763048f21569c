from typing import Any

from producers.contract import ChatBody
from workers.accounting.grounding import support_of

_REPORT = "The quarter closed with 4,310 orders from Lisbon and a margin of 12.5 percent. " * 12


def _answer(text: str | None) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


def _body(prompt: str) -> ChatBody:
    return ChatBody(messages=[{"role": "user", "content": prompt}])


async def test_an_invented_figure_is_counted() -> None:
    found = await support_of(_body(_REPORT), _answer("There were 4,310 orders and 977 returns."))
    assert found is not None
    assert found.unsupported == ("977",)
    assert found.unsupported_share == 0.5


async def test_a_long_context_is_looked_up_on_a_thread_with_the_same_result() -> None:
    found = await support_of(_body(_REPORT * 8), _answer("There were 4,310 orders."))
    assert found is not None
    assert found.unsupported == ()


async def test_without_a_context_or_a_text_there_is_nothing_to_say() -> None:
    assert await support_of(_body("What is Kafka?"), _answer("A log.")) is None
    assert await support_of(_body(_REPORT), _answer(None)) is None
