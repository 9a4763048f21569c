"""Embeddings answer: the replies' vectors as OpenAI's list, in the form that the caller wants."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from struct import unpack
from typing import Any, Final

from gateway.demands.outcome import outcome_of
from gateway.embeddings.request import EmbeddingsCall
from gateway.errors.api_error import ApiError
from producers.contract import Done

_FLOAT_BYTES: Final = 4
_MISSING: Final = ApiError(
    "upstream", "incomplete_answer", "the provider gave other vectors than were asked for"
)


def embeddings_list(call: EmbeddingsCall, replies: Sequence[Done]) -> dict[str, Any] | ApiError:
    """The list, with what came of the request under `switchgear`."""
    vectors = [each["embedding"] for done in replies for each in done.body.get("data", ())]
    if len(vectors) != len(call.inputs):
        return _MISSING
    data = [
        {"object": "embedding", "index": number, "embedding": _in_form(call, vector)}
        for number, vector in enumerate(vectors)
    ]
    tokens = sum(_tokens(done) for done in replies)
    return {
        "object": "list",
        "data": data,
        "model": replies[0].route.model or call.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "switchgear": outcome_of(_together(replies), call.warnings),
    }


def _in_form(call: EmbeddingsCall, vector: str) -> "str | list[float]":
    """The SDKs ask for base64 by themselves; Node's reads floats as garbage then."""
    if call.form == "base64":
        return vector
    raw = b64decode(vector)
    return list(unpack(f"<{len(raw) // _FLOAT_BYTES}f", raw))


def _tokens(done: Done) -> int:
    """As billed; a hit of the cache has those of the call that it repeats."""
    usage: Mapping[str, Any] = done.body.get("usage") or {}
    return done.usage.input_total or int(usage.get("prompt_tokens") or 0)


def _together(replies: Sequence[Done]) -> Done:
    """One reply for all: what they cost together; a hit only where each of them is one."""
    first = replies[0]
    missed = (done for done in replies if done.cache.result != "hit")
    update = {
        "cost_micro_usd": _total([done.cost_micro_usd for done in replies]),
        "baseline_micro_usd": _total([done.baseline_micro_usd for done in replies]),
        "cache": next(missed, first).cache,
        "warnings": tuple(dict.fromkeys(told for done in replies for told in done.warnings)),
    }
    return first.model_copy(update=update)


def _total(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
