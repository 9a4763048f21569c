"""Simulated embeddings: `/embeddings` as OpenAI, Azure, Mistral and compatible servers have it."""

import random
from base64 import b64encode
from collections.abc import Mapping
from math import sqrt
from struct import pack
from typing import Any, Final

from pydantic_core import to_json

from .address import Address
from .exchange import Asked, Block, Counted, Embedded, Unreadable

_DIMENSIONS: Final = 256
_MOST: Final = 2_048


def parse_embeddings(address: Address, told: Mapping[str, Any]) -> Asked:
    """What an embeddings request asks. Raises Unreadable."""
    inputs = told["input"]
    inputs = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= _MOST or "" in inputs:
        raise Unreadable("'$.input' is invalid")
    mistral = address.provider == "mistral"
    if mistral and not all(isinstance(each, str) for each in inputs):
        raise Unreadable("Input should be a valid string", 422)
    dimensions = told.get("output_dimension" if mistral else "dimensions") or _DIMENSIONS
    embedded = Embedded(
        tuple(repr(each) for each in inputs), dimensions, told.get("encoding_format") == "base64"
    )
    texts = (each if isinstance(each, str) else "xxxx" * len(each) for each in inputs)
    return Asked(
        dialect="openai",
        provider=address.provider,
        model=address.model or told["model"],
        key=address.key,
        blocks=tuple(Block(text) for text in texts),
        question="",
        embedded=embedded,
    )


def embeddings_body(asked: Asked, embedded: Embedded, counted: Counted) -> bytes:
    """The list, each vector the same for the same text and model."""
    data = [
        {"object": "embedding", "index": number, "embedding": _vector(asked, embedded, text)}
        for number, text in enumerate(embedded.inputs)
    ]
    usage = {"prompt_tokens": counted.prompt, "total_tokens": counted.prompt}
    return to_json({"object": "list", "model": asked.model, "data": data, "usage": usage})


def _vector(asked: Asked, embedded: Embedded, text: str) -> "str | list[float]":
    draw = random.Random(f"{asked.model} {text}")
    numbers = [draw.gauss(0, 1) for _ in range(embedded.dimensions)]
    length = sqrt(sum(number * number for number in numbers))
    unit = [number / length for number in numbers]
    return b64encode(pack(f"<{len(unit)}f", *unit)).decode() if embedded.base64 else unit
