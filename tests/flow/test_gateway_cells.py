"""The gateway in a cell: refused before anything is written, by request, tenant and file line."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.flow.gateway_stage import PATIENCE_S, Door, door
from tests.flow.stage import catalog

PLANTED = "the secret of the ostrich"
CHAT: Any = {"model": "economy", "messages": [{"role": "user", "content": PLANTED}]}
EU: Any = {"switchgear": {"residency": ["eu"]}}
BODIES: Any = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": {**CHAT, "max_tokens": 9},
    "/v1/responses": {"model": "economy", "input": PLANTED, "background": True},
    "/v1/embeddings": {"model": "economy", "input": PLANTED},
}


@asynccontextmanager
async def caller(opened: Door) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=opened.address, timeout=PATIENCE_S) as client:
        yield client


def nothing_written(opened: Door) -> None:
    broker = opened.stage.broker
    assert [topic for topic in broker.topics() if broker.written(topic)] == []


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("prefer", [{}, {"prefer": "respond-async"}])
async def test_a_request_for_another_zone_is_refused_before_it_is_published(
    path: str, prefer: dict[str, str]
) -> None:
    async with door(zone="us") as opened, caller(opened) as client:
        for body, headers in (
            ({**BODIES[path], **EU}, prefer),
            (BODIES[path], {**prefer, "x-switchgear-residency": "eu, apac"}),
        ):
            response = await client.post(path, json=body, headers=headers)
            assert response.status_code == 403, response.text
            assert "zone us" in response.json()["error"]["message"]
        nothing_written(opened)
        assert opened.responses.kept == {}


async def test_a_tenant_of_another_zone_can_leave_nothing_here() -> None:
    bound = catalog(tenants={"t": {"residency": ["eu"]}})
    async with door(zone="us", catalog=bound) as opened, caller(opened) as client:
        response = await client.post("/v1/chat/completions", json=CHAT)
        assert response.status_code == 403
        assert response.json()["error"]["code"] == "wrong_zone"
        upload = {"file": ("in.jsonl", line({}))}
        response = await client.post("/v1/files", files=upload, data={"purpose": "batch"})
        assert response.status_code == 403
        nothing_written(opened)


def line(demands: Any, number: int = 0) -> bytes:  # noqa: ANN401
    body = {**CHAT, "switchgear": demands}
    told = {"custom_id": f"{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(told).encode() + b"\n"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(line({"residency": ["eu"]}), id="another zone"),
        pytest.param(line({"residency": "eu"}), id="no list"),
        pytest.param(line({"residency": ["eu"]})[:-12] + b"\n", id="unreadable"),
        pytest.param(line({}).replace(b"{}", b'{"resid\\u0065ncy": ["eu"]}'), id="escaped"),
        pytest.param(b" " * 1_100_000 + line({"residency": ["eu"]}), id="too long to be a line"),
    ],
)
async def test_a_file_with_a_line_for_another_zone_leaves_none_of_that_line(bad: bytes) -> None:
    async with door(zone="us") as opened, caller(opened) as client:
        content = line({"residency": ["us"]}) + bad
        upload = {"file": ("in.jsonl", content)}
        response = await client.post("/v1/files", files=upload, data={"purpose": "batch"})
        assert response.status_code == 403, response.text
        assert "line 2" in response.json()["error"]["message"]
        assert PLANTED not in response.text
        assert opened.stage.broker.written("llm.jobs") == []
        kept = b"".join(record.value for record in opened.stage.broker.written("llm.files"))
        assert bad.strip() not in kept


async def test_a_file_for_this_zone_is_taken() -> None:
    async with door(zone="us") as opened, caller(opened) as client:
        content = line({"residency": ["us", "eu"]}) + line({}, 1).strip()
        upload = {"file": ("in.jsonl", content)}
        response = await client.post("/v1/files", files=upload, data={"purpose": "batch"})
        assert response.status_code == 200, response.text
        assert response.json()["bytes"] == len(content)
