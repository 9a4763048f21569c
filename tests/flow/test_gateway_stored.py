"""Requests that nobody waits for: `Prefer: respond-async`, and what came of them by id."""

import json
from typing import Any

import httpx2

from gateway.access.api_keys import hash_of, make_key
from producers.contract import topics
from tests.fakes import Waits, fails
from tests.flow.gateway_stage import door
from tests.flow.stage import catalog, one_deployment
from workers.providers.base.call_outcome import CallOutcome, RequestRejected, ServerError

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "economy", "messages": [{"role": "user", "content": "Hi"}]}
LATER = {"prefer": "respond-async"}


async def asked(client: httpx2.AsyncClient, path: str = CHAT, **headers: str) -> httpx2.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = ASKED if path == CHAT else {**ASKED, "max_tokens": 9}
    return await client.post(path, json=body, headers={**LATER, **sent})


async def test_a_request_is_taken_and_its_answer_fetched() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened.address) as client:
        taken = await asked(client)
        assert taken.status_code == 202
        assert taken.headers["preference-applied"] == "respond-async"
        assert int(taken.headers["retry-after"]) >= 1
        where, told = taken.headers["location"], taken.json()
        assert where == f"/v1/requests/{told['id']}"
        assert (told["object"], told["status"]) == ("switchgear.request", "pending")
        await waits.begun.wait()
        pending = await client.get(where)
        assert (pending.status_code, pending.json()["status"]) == (200, "pending")
        waits.let.set()
        done = await client.get(f"{where}?wait=10")
        assert done.json()["choices"][0]["message"]["content"] == "42"
        assert done.headers["x-switchgear-status"] == "completed"
        assert done.headers["x-switchgear-tier"] == "economy"
        again = await client.get(where, headers={"if-none-match": done.headers["etag"]})
        assert again.status_code == 304


async def test_a_repetition_after_a_failure_that_may_be_retried_is_another_try() -> None:
    waits, broken = Waits(), fails(ServerError(message="it broke", status=500))
    scripts: dict[str, Any] = {"eco-a": broken}

    async def script(call: Any, emit: Any) -> CallOutcome:  # noqa: ANN401 the seam's
        outcome: CallOutcome = await scripts["eco-a"](call, emit)
        return outcome

    async with (
        door({"eco-a": script}, catalog=one_deployment()) as opened,
        client_of(opened.address) as client,
    ):
        key = {"idempotency_key": "k"}
        failed = await asked(client, prefer="respond-async, wait=30", **key)
        assert failed.json()["error"]["code"] == "providers_exhausted"
        scripts["eco-a"] = waits
        again = await asked(client, **key)
        assert (again.status_code, again.json()["status"]) == (202, "pending")
        assert again.json()["id"] == failed.json()["id"]
        waits.let.set()
        done = await client.get(f"{again.headers['location']}?wait=30")
        assert done.json()["choices"][0]["message"]["content"] == "42"
        repeated = await asked(client, **key)
        assert repeated.status_code == 200
        assert repeated.json() == done.json()


async def test_who_waits_long_enough_gets_the_answer_at_once() -> None:
    async with door() as opened, client_of(opened.address) as client:
        done = await asked(client, prefer="respond-async, wait=10")
        assert done.status_code == 200
        assert done.json()["choices"][0]["message"]["content"] == "42"
        stored = opened.stage.broker.written(topics.STORED)
        assert [json.loads(record.value)["type"] for record in stored] == ["receipt", "done"]


async def test_each_dialect_answers_in_its_own_words_and_never_in_pieces() -> None:
    async with door() as opened, client_of(opened.address) as client:
        body = {**ASKED, "max_tokens": 9, "stream": True}
        taken = await client.post("/v1/messages", json=body, headers=LATER)
        done = await client.get(f"{taken.headers['location']}?wait=10")
        assert done.json()["content"] == [{"type": "text", "text": "42"}]
        written = opened.stage.broker.written(topics.STORED)
        assert {json.loads(record.value)["type"] for record in written} == {"receipt", "done"}


async def test_a_failure_is_a_body_with_its_status_inside() -> None:
    refused = fails(RequestRejected(message="too hot"))
    async with door({"eco-a": refused}) as opened, client_of(opened.address) as client:
        told = (await asked(client, prefer="respond-async, wait=10")).json()
        assert (told["status"], told["http_status"]) == ("failed", 400)
        assert told["error"]["code"] == "provider_rejected"


async def test_a_pending_one_is_cancelled() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened.address) as client:
        where = (await asked(client)).headers["location"]
        await waits.begun.wait()
        assert (await client.delete(where)).json()["status"] == "pending"
        told = (await client.get(f"{where}?wait=10")).json()
        assert (told["status"], told["error"]["code"]) == ("failed", "cancelled")
        assert (await client.delete(where)).json() == told


async def test_a_key_is_one_request_and_another_body_is_refused() -> None:
    async with door() as opened, client_of(opened.address) as client:
        first = await asked(client, idempotency_key="k", prefer="respond-async, wait=10")
        again = await asked(client, idempotency_key="k")
        assert first.json() == again.json()
        assert len(opened.stage.calls) == 1
        other = {**ASKED, "messages": [{"role": "user", "content": "other"}]}
        headers = {**LATER, "idempotency-key": "k"}
        refused = await client.post(CHAT, json=other, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            422,
            "idempotency_key_reused",
        )


async def test_another_tenants_request_is_as_if_it_were_not_there() -> None:
    keys = {name: make_key(name, "s" * 43) for name in ("mine", "theirs")}
    entries = {
        "mine": {"sha256": hash_of(keys["mine"]), "tenant": "t", "scopes": ["chat"]},
        "theirs": {"sha256": hash_of(keys["theirs"]), "tenant": "other"},
    }
    made = catalog(gateway={"keys": entries}, tenants={"t": {}, "other": {}})
    async with (
        door(catalog=made, anonymous=None) as opened,
        client_of(opened.address) as client,
    ):
        mine = {"authorization": f"Bearer {keys['mine']}"}
        where = (await asked(client, **mine)).headers["location"]
        assert (await client.get(f"{where}?wait=10", headers=mine)).status_code == 200
        theirs = {"authorization": f"Bearer {keys['theirs']}"}
        for method in ("GET", "DELETE"):
            assert (await client.request(method, where, headers=theirs)).status_code == 404
        assert (await client.get(where)).status_code == 401


async def test_an_answer_that_is_not_kept_any_more() -> None:
    async with door(keep_s=-0.001) as opened, client_of(opened.address) as client:
        where = (await asked(client)).headers["location"]
        await opened.stage.broker.has(topics.STORED, 2)
        gone = await client.get(where)
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "answer_expired")


async def test_what_is_not_there_and_what_cannot_be_asked() -> None:
    async with door() as opened, client_of(opened.address) as client:
        assert (await client.get("/v1/requests/none")).status_code == 404
        assert (await client.put("/v1/requests/none")).status_code == 405
        opened.stage.broker.refuse(topics.STORED, None)
        away = await asked(client)
        assert (away.status_code, away.headers["retry-after"]) == (503, "2")


def client_of(address: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=address, timeout=30)
