"""Near a limit OpenAI's own count decides, so that no call is made which can't succeed."""

from pathlib import Path

import pytest

from producers.contract import Done, Failed, Request
from runtime.config.catalog import Catalog
from tests.flow.stage import ask, catalog, playing
from workers.tokens.tiktoken_files import install_encodings

_SINGLE_LETTERS = "q z x j k v w y " * 22
"""352 bytes: 92 tokens by the estimate of 4 bytes each, 176 by OpenAI's count."""


def _with_a_window_of(tokens: int) -> Catalog:
    models = {
        name: {"family": "gpt-4o", "context_window": tokens}
        for name in ("small", "medium", "nobody-knows")
    }
    return catalog(models=models)


def _tight() -> Request:
    return ask(_SINGLE_LETTERS, model="economy", max_tokens=1)


async def test_a_prompt_that_only_seems_to_fit_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(install_encodings(tmp_path))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    async with playing(catalog=_with_a_window_of(105), encodings=tmp_path) as stage:
        reply = await stage.client.submit(_tight())
        assert isinstance(reply, Failed)
        assert reply.code == "context_too_long"
        assert stage.calls == []


async def test_without_the_files_the_estimate_decides() -> None:
    async with playing(catalog=_with_a_window_of(105)) as stage:
        assert isinstance(await stage.client.submit(_tight()), Done)
