"""Models listing: tiers and models as OpenAI's `/v1/models` tells them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.answers.listed_model import ListedModel, ListedPrice


def openai_model(model: ListedModel, created: int) -> dict[str, Any]:
    """The `model` object; what is ours stands under `switchgear`."""
    return {
        "id": model.id,
        "object": "model",
        "created": created,
        "owned_by": "switchgear",
        "switchgear": _ours(model),
    }


def openai_models(models: Sequence[ListedModel], created: int) -> dict[str, Any]:
    """The list object."""
    return {"object": "list", "data": [openai_model(model, created) for model in models]}


def _ours(model: ListedModel) -> Mapping[str, Any]:
    fields = {
        "kind": model.kind,
        "capabilities": list(model.capabilities),
        "context_window": model.context_window,
        "tiers": list(model.tiers),
        "usd_per_million_tokens": None if model.price is None else _usd(model.price),
    }
    return {name: value for name, value in fields.items() if value}


def _usd(price: ListedPrice) -> dict[str, str]:
    rates = {"input": price.input, "output": price.output}
    return {kind: f"{rate.normalize():f}" for kind, rate in rates.items()}
