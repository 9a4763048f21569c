"""A hit passes the checks that any answer to the request must pass; else it is a miss."""

from collections.abc import Mapping
from typing import Any

import pytest

from producers.contract import Chunk, Done, Failed
from tests.fakes import answer
from tests.flow.stage import Stage, ask, catalog, playing
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

KEPT = "The cat sat on the mat and looked at the birds in the garden."
FRESH = '{"a": 1, "b": "Der Hund lief durch den Garten und bellte die Vögel an."}'
CHECKS: Mapping[str, dict[str, Any]] = {
    "json_schema": {"kind": "json_schema", "schema": {"type": "object"}},
    "regex": {"kind": "regex", "pattern": r"\{.*\}"},
    "contains": {"kind": "contains", "texts": ["Hund"]},
    "max_length": {"kind": "max_length", "characters": 10},
    "language": {"kind": "language", "language": "de"},
    "named": {"kind": "named", "name": "canine"},
}
"""By kind: a check that the kept answer fails."""
SHORT = "A cat."


def canine(text: str) -> str | None:
    """An operator's check."""
    return None if "Hund" in text else "it must be about a dog"


def script_of(*texts: str) -> Any:  # noqa: ANN401 a script
    """Answers with one text after the other."""
    left = list(texts)

    async def script(_call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        return answer(left.pop(0))

    return script


def playing_with(*texts: str) -> Any:  # noqa: ANN401 a stage
    checked = catalog(checks={"canine": f"{__name__}:canine"})
    return playing({"eco-a": script_of(*texts)}, catalog=checked)


async def asked(stage: Stage, *checks: Mapping[str, Any], **fields: object) -> Done | Failed:
    stage.snapshot = type(stage.snapshot)(
        stage.snapshot.catalog, stage.snapshot.providers, {"canine": canine}
    )
    routing = {"validators": list(checks), **fields}
    return await stage.client.submit(ask(routing=routing))


@pytest.mark.parametrize("kind", CHECKS)
async def test_a_kept_answer_that_fails_a_check_is_a_miss(kind: str) -> None:
    second = "Ein Hund" if kind == "max_length" else FRESH
    async with playing_with(KEPT, second) as stage:
        first = await asked(stage)
        assert isinstance(first, Done)
        checked = await asked(stage, CHECKS[kind])
        assert isinstance(checked, Done)
        assert (checked.cache.result, len(stage.calls)) == ("miss", 2)
        assert checked.body["choices"][0]["message"]["content"] == second
        again = await asked(stage, CHECKS[kind])
        assert isinstance(again, Done)
        assert (again.cache.result, len(stage.calls)) == ("hit", 2)


@pytest.mark.parametrize("kind", CHECKS)
async def test_only_if_cached_asks_for_an_answer_that_passes(kind: str) -> None:
    only = {"cache": {"mode": "only-if-cached"}}
    async with playing_with(KEPT) as stage:
        await asked(stage)
        failed = await asked(stage, CHECKS[kind], **only)
        assert isinstance(failed, Failed)
        assert failed.code == "not_in_cache"
        assert isinstance(await asked(stage, **only), Done)
        assert len(stage.calls) == 1


async def test_checks_that_are_wrong_are_refused_although_an_answer_is_kept() -> None:
    wrong = {"kind": "regex", "pattern": "("}
    async with playing_with(KEPT) as stage:
        await asked(stage)
        for fields in ({}, {"cache": {"mode": "only-if-cached"}}):
            failed = await asked(stage, wrong, **fields)
            assert isinstance(failed, Failed)
            assert failed.code == "invalid_request"
            assert "validators.0 (regex)" in failed.message


async def test_nothing_of_a_kept_answer_that_fails_is_streamed() -> None:
    async with playing_with(KEPT, FRESH) as stage:
        await asked(stage)
        request = ask(stream=True, routing={"validators": [CHECKS["json_schema"]]})
        parts = [part async for part in stage.client.stream(request)]
        texts = [part.delta.get("content") for part in parts if isinstance(part, Chunk)]
        assert "".join(text for text in texts if text) == FRESH
        again = [part async for part in stage.client.stream(request.model_copy(update={"id": "2"}))]
        assert isinstance(again[-1], Done)
        assert (again[-1].cache.result, len(stage.calls)) == ("hit", 2)
