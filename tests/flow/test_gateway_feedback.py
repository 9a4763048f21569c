"""`POST /v1/feedback`: a cached answer was wrong, of the caller's own tenant."""

import json

import httpx2
import pytest

from producers.contract import topics
from producers.contract.invalidation import Invalidation
from tests.flow.gateway_stage import PATIENCE_S, door


async def test_it_is_published_for_the_callers_tenant() -> None:
    async with door() as opened, httpx2.AsyncClient(base_url=opened.address) as client:
        said = {"request_id": "r1", "cached_answer": "wrong"}
        response = await client.post("/v1/feedback", json=said, timeout=PATIENCE_S)
        assert (response.status_code, response.json()) == (202, {"status": "accepted"})
        (record,) = await opened.stage.broker.has(topics.CACHE_INVALIDATIONS, 1)
        order = Invalidation.model_validate_json(record.value)
        assert order == Invalidation(tenant="t", request="r1", wrong=True)
        assert json.loads(record.value) == {"tenant": "t", "request": "r1", "wrong": True}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"cached_answer": "wrong"}, "request_id"),
        ({"request_id": "r1"}, "cached_answer"),
        ({"request_id": "r1", "cached_answer": "fine"}, "cached_answer"),
        ({"request_id": "r1", "cached_answer": "wrong", "tenant": "other"}, "tenant"),
        ({"request_id": " ", "cached_answer": "wrong"}, "request_id"),
    ],
)
async def test_what_it_cannot_use_is_told(body: dict[str, str], param: str) -> None:
    async with door() as opened, httpx2.AsyncClient(base_url=opened.address) as client:
        response = await client.post("/v1/feedback", json=body, timeout=PATIENCE_S)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == param
        assert not opened.stage.broker.written(topics.CACHE_INVALIDATIONS)
