"""Token estimates that learn, and exact counts from files on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract import ChatBody
from workers.tokens.estimate import (
    ENCODING_FILES,
    LearnedTokenFactor,
    PromptSize,
    TokenFactors,
    encoding_near_limit,
    encoding_of,
    estimated_usage,
    exact_tokens,
    prompt_size,
)
from workers.tokens.tiktoken_files import install_encodings

ENGLISH = "The queue holds every request until a worker has answered it. " * 40


def body(content: Any, **more: Any) -> ChatBody:  # noqa: ANN401 - parts of a body
    return ChatBody.model_validate({"messages": [{"role": "user", "content": content}], **more})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tokenizers")
    assert [path.name for path in install_encodings(folder)] == list(ENCODING_FILES.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield folder


def test_size_counts_what_becomes_tokens() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    size = prompt_size(body([{"type": "text", "text": "ü"}, picture]))
    assert size == PromptSize(text_bytes=2, images=1, messages=1)
    assert prompt_size(body("x", tools=[{"function": {"name": "f"}}])).text_bytes > 20


@given(st.floats(1.5, 8), st.integers(1000, 100_000))
def test_a_factor_comes_to_what_the_provider_bills(true_factor: float, text: int) -> None:
    learned, size = LearnedTokenFactor(4.0), PromptSize(text, 0, 1)
    billed = round(text / true_factor) + 4
    for _ in range(200):
        learned = learned.learn(size, billed)
    assert learned.estimate(size) == pytest.approx(billed, rel=0.02)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_bill_drives_a_factor_out_of_reason(text: int, billed: int) -> None:
    assert (
        0.5 <= LearnedTokenFactor(4.0).learn(PromptSize(text, 0, 1), billed).bytes_per_token <= 20
    )


def test_pictures_and_tiny_prompts_teach_nothing() -> None:
    learned = LearnedTokenFactor(4.0)
    assert learned.learn(PromptSize(4000, 1, 1), 5000) is learned
    assert learned.learn(PromptSize(10, 0, 1), 900) is learned


def test_a_model_begins_with_its_family_and_learns_alone() -> None:
    factors, size = TokenFactors(), PromptSize(4000, 0, 1)
    begin = factors.factor_of("claude-opus-4-6", "claude").estimate(size)
    factors.learn("claude-opus-4-6", "claude", size, 2000)
    assert factors.factor_of("claude-opus-4-6", "claude").estimate(size) > begin
    assert factors.factor_of("claude-haiku-4-5", "claude").estimate(size) == begin


@pytest.mark.parametrize(
    ("family", "encoding"),
    [("gpt-4o", "o200k_base"), ("gpt-3.5", "cl100k_base"), ("o4", "o200k_base"), ("claude", None)],
)
def test_families_have_their_encoding(family: str, encoding: str | None) -> None:
    assert encoding_of(family) == encoding


@pytest.mark.parametrize(
    ("windows", "encoding"),
    [
        ([("gpt-4o", 1000)], "o200k_base"),
        ([("gpt-4o", 800)], "o200k_base"),
        ([("gpt-4o", 1250)], "o200k_base"),
        ([("gpt-4o", 799)], None),
        ([("gpt-4o", 1251)], None),
        ([("claude", 1000)], None),
        ([("gpt-4o", 1000), ("gpt-3.5", 100_000)], "o200k_base"),
        ([("gpt-4o", 1000), ("gpt-3.5", 1000)], None),
        ([("gpt-4o", 1000), ("claude", 1000)], None),
        ([], None),
    ],
)
def test_a_prompt_is_counted_near_a_window_if_one_encoding_counts_it(
    windows: list[tuple[str, int]], encoding: str | None
) -> None:
    assert encoding_near_limit(1000, windows) == encoding


def test_the_count_is_exact_and_offline(files: Path) -> None:
    assert exact_tokens(body(ENGLISH), "o200k_base", files) == 40 * 12 + 8


def test_without_the_files_there_is_no_count_and_nothing_is_fetched(tmp_path: Path) -> None:
    assert exact_tokens(body(ENGLISH), "o200k_base", tmp_path) is None


def test_a_server_that_tells_no_usage_is_not_free() -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "word " * 40}}]}
    usage = estimated_usage(body(ENGLISH), answer)
    assert usage.input_uncached > 500
    assert usage.output > 40


def test_installing_twice_is_installing_once(files: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in files.iterdir()}
    assert {path: path.stat().st_mtime_ns for path in install_encodings(files)} == before
