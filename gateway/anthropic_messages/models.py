"""Models listing: tiers and models as Anthropic's `/v1/models` tells them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.answers.listed_model import ListedModel


def anthropic_model(model: ListedModel, created: int) -> dict[str, Any]:
    """The `model` object. created: Unix seconds."""
    at = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": model.id, "display_name": model.id, "created_at": at}


def anthropic_models(models: Sequence[ListedModel], created: int) -> dict[str, Any]:
    """All of them on one page."""
    data = [anthropic_model(model, created) for model in models]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return {"data": data, "has_more": False, **ends}
