"""Do OpenAI's own SDKs get what they need, by changing base_url?"""

import asyncio
import gc
import json
from typing import Any

import httpx2
import openai
import pytest
import structlog
from openai import AsyncOpenAI, OpenAI

from gateway.access.api_keys import hash_of, make_key
from gateway.connections.http_limits import HttpLimits
from gateway.exchanges.exchange import Exchange
from producers.contract import codec, topics
from tests.fakes import Waits, answer, fails, streams
from tests.flow.gateway_stage import Door, door
from tests.flow.stage import catalog, one_deployment
from tests.waiting import until
from workers.providers.base.call_outcome import (
    CallOutcome,
    Completion,
    RequestRejected,
    ServerError,
)


def client_of(opened: Door, **options: Any) -> AsyncOpenAI:  # noqa: ANN401 the SDK's
    options = {"api_key": "none", "max_retries": 0, **options}
    return AsyncOpenAI(base_url=f"{opened.address}/v1", **options)


ASKED: Any = [{"role": "user", "content": "What is the answer?"}]


async def test_a_json_answer_with_what_came_of_it_in_its_headers() -> None:
    async with door() as opened, client_of(opened) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="economy", messages=ASKED
        )
        completion = raw.parse()
    assert completion.choices[0].message.content == "42"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 20
    assert raw.headers["x-switchgear-tier"] == "economy"
    assert raw.headers["x-switchgear-deployment"] == "eco-a"
    assert raw.headers["x-switchgear-cache"] == "miss"
    assert raw.headers["x-switchgear-cost-usd"] == "0.00002"
    assert raw.headers["x-request-id"] == raw.headers["request-id"]
    assert len(raw.headers["x-switchgear-trace-id"]) == 32


async def test_the_synchronous_sdk() -> None:
    async with door() as opened:

        def ask() -> str | None:
            with OpenAI(base_url=f"{opened.address}/v1", api_key="none") as client:
                created = client.chat.completions.create(model="auto", messages=ASKED)
                return created.choices[0].message.content

        assert await asyncio.to_thread(ask) == "42"


async def test_a_stream_and_its_usage() -> None:
    async with door({"eco-a": streams("4", "2")}) as opened, client_of(opened) as client:
        stream = await client.chat.completions.create(
            model="economy",
            messages=ASKED,
            stream=True,
            stream_options={"include_usage": True},
        )
        events = [event async for event in stream]
    first, *middle, finish, usage = events
    assert first.choices[0].delta.role == "assistant"
    assert "".join(event.choices[0].delta.content or "" for event in middle) == "42"
    assert finish.choices[0].finish_reason == "stop"
    assert finish.choices[0].delta.model_dump(exclude_none=True) == {}
    assert usage.choices == []
    assert usage.usage is not None
    assert len({(event.id, event.created, event.model) for event in events}) == 1


async def test_the_accumulating_stream_helper_and_tools() -> None:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate([("ab", '{"x":1}'), ("cd", '{"y":2}')])
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "choices": [choice]}
    told = Completion(body, answer().usage, "tool_calls", 0.01)

    async def script(_call: object, emit: Any) -> Completion:  # noqa: ANN401
        for index, call in enumerate(calls):
            function = call["function"]
            assert isinstance(function, dict)
            begin = {**call, "index": index, "function": {**function, "arguments": ""}}
            await emit({"tool_calls": [begin]})
            half = {"index": index, "function": {"arguments": function["arguments"]}}
            await emit({"tool_calls": [half]})
        return told

    async with door({"eco-a": script}) as opened, client_of(opened) as client:
        helper = client.chat.completions.stream(model="economy", messages=ASKED)
        async with helper as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_completion()
    made = final.choices[0].message.tool_calls
    assert made is not None
    assert [(c.id, c.function.name, c.function.arguments) for c in made] == [
        ("c0", "ab", '{"x":1}'),
        ("c1", "cd", '{"y":2}'),
    ]


async def test_what_fails_before_the_stream_has_its_own_status() -> None:
    refused = fails(RequestRejected(message="too hot"))
    async with door({"eco-a": refused}) as opened, client_of(opened) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="economy", messages=ASKED, stream=True)
    assert caught.value.code == "provider_rejected"
    assert caught.value.type == "invalid_request_error"


async def test_json_chat_of_every_choice_and_their_probabilities_streams_whole() -> None:
    told = [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]
    choices = [
        {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
            "logprobs": {"content": told},
        }
        for text in ("a", "b")
    ]
    body = {"id": "c", "object": "chat.completion", "choices": choices}

    async def script(_call: object, emit: object) -> Completion:
        assert emit is None  # no provider streams several answers to one reply
        return Completion(body, answer().usage, "stop", 0.01)

    models = {
        name: {"family": "f", "context_window": 100_000, "capabilities": ["logprobs"]}
        for name in ("small", "medium", "nobody-knows")
    }
    async with (
        door({"eco-a": script}, catalog=catalog(models=models)) as opened,
        client_of(opened) as client,
        client.chat.completions.stream(
            model="economy", messages=ASKED, n=2, logprobs=True
        ) as stream,
    ):
        async for _ in stream:
            pass
        final = await stream.get_final_completion()
    assert [choice.message.content for choice in final.choices] == ["a", "b"]
    assert all(choice.logprobs and choice.logprobs.content for choice in final.choices)


async def test_a_repeated_key_is_answered_with_the_record_and_paid_once() -> None:
    async with door() as opened, client_of(opened) as client:

        async def ask(prompt: str) -> str | None:
            created = await client.chat.completions.create(
                model="economy",
                messages=[{"role": "user", "content": prompt}],
                extra_headers={"Idempotency-Key": "order-7"},
                extra_body={"switchgear": {"cache": {"mode": "no-store"}}},
            )
            return created.choices[0].message.content

        first, beside = await asyncio.gather(ask("a"), ask("a"))
        assert first == beside == await ask("a") == "42"
        assert len(opened.stage.calls) == 1
        with pytest.raises(openai.UnprocessableEntityError) as caught:
            await ask("b")
    assert caught.value.code == "idempotency_key_reused"


async def test_one_key_of_two_tenants_is_two_requests() -> None:
    keys = {name: make_key(name, "s" * 43) for name in ("one", "two")}
    entries = {
        name: {"sha256": hash_of(key), "tenant": "t" if name == "one" else "shut"}
        for name, key in keys.items()
    }
    made = catalog(gateway={"keys": entries}, tenants={"t": {}, "shut": {}})
    async with door(catalog=made, anonymous=None) as opened:
        for key in keys.values():
            async with client_of(opened, api_key=key) as client:
                await client.chat.completions.create(
                    model="economy", messages=ASKED, extra_headers={"Idempotency-Key": "same"}
                )
        assert len(opened.stage.calls) == 2


async def test_keys_their_scope_their_end_and_their_limits() -> None:
    keys = {name: make_key(name, "s" * 43) for name in ("good", "old", "narrow", "slow")}
    entries: dict[str, dict[str, Any]] = {
        name: {"sha256": hash_of(key), "tenant": "t"} for name, key in keys.items()
    }
    entries["old"]["expires"] = "2020-01-01T00:00:00Z"
    entries["narrow"]["scopes"] = ["models"]
    entries["slow"]["rpm"] = 1
    made = catalog(gateway={"keys": entries})

    async with door(catalog=made, anonymous=None) as opened:

        async def ask(key: str) -> None:
            async with client_of(opened, api_key=key) as client:
                await client.chat.completions.create(model="economy", messages=ASKED)

        await ask(keys["good"])
        for wrong in (keys["old"], keys["good"] + "x", "sk-other", make_key("none", "s" * 43)):
            with pytest.raises(openai.AuthenticationError):
                await ask(wrong)
        with pytest.raises(openai.PermissionDeniedError):
            await ask(keys["narrow"])
        await ask(keys["slow"])
        with pytest.raises(openai.RateLimitError) as limited:
            await ask(keys["slow"])
        async with client_of(opened, api_key=keys["narrow"]) as client:
            listed = [model.id async for model in client.models.list()]
            one = await client.models.retrieve("small")
            with pytest.raises(openai.NotFoundError):
                await client.models.retrieve("a/b")
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60
    assert listed[:3] == ["auto", "economy", "standard"]
    assert one.id == "small"


async def test_the_sdks_own_retry_joins_the_request_that_it_repeats() -> None:
    waits = Waits()
    async with (
        door({"eco-a": waits}) as opened,
        client_of(opened, max_retries=1, timeout=httpx2.Timeout(0.5, connect=5)) as client,
    ):

        async def let_go() -> None:
            await waits.begun.wait()
            await until(lambda: opened.stage.metrics.value(REQUESTS, route="chat", status="499"))
            waits.let.set()

        asked = client.chat.completions.create(model="economy", messages=ASKED)
        completion, _ = await asyncio.gather(asked, let_go())
        assert completion.choices[0].message.content == "42"
        assert len(opened.stage.calls) == 1


@pytest.mark.parametrize(
    ("stream", "words"), [(False, 1), (True, 1), (False, 30_000)], ids=["json", "stream", "large"]
)
async def test_a_caller_who_leaves_cancels_the_call(*, stream: bool, words: int) -> None:
    """Reading pauses for a large body, and a connection that isn't read says nothing of its end."""
    waits = Waits(first="4")
    asked: Any = [{"role": "user", "content": "answer " * words}]
    async with door({"eco-a": waits}) as opened, client_of(opened) as client:

        async def ask() -> None:
            create = client.chat.completions.create
            if not stream:
                await create(model="economy", messages=asked)
                return
            async for _ in await create(model="economy", messages=asked, stream=True):
                pass

        task = asyncio.create_task(ask())
        await waits.begun.wait()
        task.cancel()
        await until(lambda: waits.cut)
        assert len(opened.stage.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_what_a_call_held_is_free_without_the_garbage_collector(*, stream: bool) -> None:
    """A cycle of objects for each call took a sixth of the gateway's time to collect."""
    script = streams("4", "2") if stream else None
    async with door(script and {"eco-a": script}) as opened, client_of(opened) as client:
        gc.collect()
        gc.disable()
        try:
            asked: Any = {"model": "economy", "messages": ASKED, "stream": stream}
            answered = await client.chat.completions.create(**asked)
            if stream:
                async for _ in answered:
                    pass
            await until(lambda: not any(isinstance(held, Exchange) for held in gc.get_objects()))
        finally:
            gc.enable()


async def test_a_caller_with_a_key_may_leave_and_ask_again() -> None:
    waits = Waits()
    async with door({"eco-a": waits}) as opened, client_of(opened) as client:

        async def ask() -> str | None:
            created = await client.chat.completions.create(
                model="economy", messages=ASKED, extra_headers={"Idempotency-Key": "k"}
            )
            return created.choices[0].message.content

        task = asyncio.create_task(ask())
        await waits.begun.wait()
        task.cancel()
        await until(lambda: opened.stage.metrics.value(REQUESTS, route="chat", status="499"))
        waits.let.set()
        assert await ask() == "42"
        assert len(opened.stage.calls) == 1


async def test_a_key_whose_request_failed_may_run_again_once_it_can_be_retried() -> None:
    broken = [True]

    async def script(_call: object, _emit: object) -> CallOutcome:
        return ServerError(message="it broke", status=500) if broken[0] else answer("42")

    async with (
        door({"eco-a": script}, catalog=one_deployment()) as opened,
        client_of(opened) as client,
    ):

        async def ask() -> str | None:
            created = await client.chat.completions.create(
                model="economy",
                messages=ASKED,
                extra_headers={"Idempotency-Key": "k"},
                extra_body={"switchgear": {"cache": {"mode": "no-store"}}},
            )
            return created.choices[0].message.content

        with pytest.raises(openai.InternalServerError) as caught:
            await ask()
        assert caught.value.code == "providers_exhausted"
        broken[0] = False
        paid = len(opened.stage.calls) + 1
        assert [await ask(), await ask()] == ["42", "42"]
        assert len(opened.stage.calls) == paid  # an answer stays what it is
        usage = await opened.stage.broker.has(topics.USAGE, 3)
        # the failed run, the answer, and the answer once more
        assert len({codec.decode_usage(record.value).id for record in usage}) == 2


async def test_a_key_whose_request_was_refused_for_good_stays_refused() -> None:
    refused = fails(RequestRejected(message="no"))
    async with door({"eco-a": refused}) as opened, client_of(opened) as client:
        for _ in range(2):
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(
                    model="economy", messages=ASKED, extra_headers={"Idempotency-Key": "k"}
                )
        assert len(opened.stage.calls) == 1


async def test_silence_is_filled_and_the_end_of_the_process_is_told() -> None:
    waits = Waits()
    limits = HttpLimits(hold_s=0.05, keep_alive_s=0.05, cancel_grace_s=0.2)
    async with door({"eco-a": waits}, limits=limits) as opened, client_of(opened) as client:
        stream = await client.chat.completions.create(model="economy", messages=ASKED, stream=True)
        events = [await anext(stream) for _ in range(3)]
        opened.stop.end()
        with pytest.raises(openai.APIError) as caught:
            [event async for event in stream]
        assert caught.value.code == "server_shutting_down"
        assert events[0].choices[0].delta.role == "assistant"
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="economy", messages=ASKED)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b'{"messages": []}', 400, "invalid_request"),
        (b'{"messages": [{"role": "user"}], "n": 0}', 400, "invalid_request"),
        (b'{"messages": [{"role": "user"}], "stream": 1}', 400, "invalid_request"),
        (b'{"messages": [{"role": "user"}], "temperature": "hot"}', 400, "invalid_request"),
        (b'{"messages": [{"role": "u"}], "switchgear": {"residencey": ["eu"]}}', 400, None),
        (b'{"messages": [{"role": "user", "content": "x"}], "model": "none"}', 404, None),
        (b" " * 1_000_001, 413, "request_too_large"),
    ],
)
async def test_bad_bodies(sent: bytes, status: int, code: str | None) -> None:
    async with door() as opened, httpx2.AsyncClient(base_url=opened.address) as client:
        response = await client.post("/v1/chat/completions", content=sent)
        error = response.json()["error"]
        assert response.status_code == status
        assert code is None or error["code"] == code
        assert set(error) == {"message", "type", "param", "code"}
        assert opened.stage.calls == []


async def test_what_else_may_be_asked_of_the_port() -> None:
    async with door() as opened, httpx2.AsyncClient(base_url=opened.address) as client:
        path = "/v1/chat/completions"
        sent = b'{"messages": [{"role": "user", "content": "x"}]}'

        async def status(method: str, where: str, **options: Any) -> int:  # noqa: ANN401
            return (await client.request(method, where, **options)).status_code

        assert await status("GET", path) == 405
        assert await status("GET", "/v2/none") == 404
        assert await status("HEAD", "/") == 200
        assert await status("POST", path, content=sent, headers={"x-switchgear-teir": "a"}) == 400
        assert await status("POST", path, content=sent, headers={"content-encoding": "gzip"}) == 415
        assert await status("POST", path, content=sent, headers={"x-long": "a" * 40_000}) == 431
        assert await status("POST", path, content=sent, headers={"idempotency-key": ""}) == 400
        assert await status("GET", "/healthz") == await status("GET", "/readyz") == 200
        opened.queue["reachable"] = False
        assert await status("GET", "/readyz") == 503
        opened.queue["reachable"] = True
        opened.stop.drain()
        assert await status("GET", "/readyz") == 503
        assert await status("POST", path, content=sent) == 503


async def test_demands_and_the_callers_trace_reach_the_flow() -> None:
    async with door() as opened, client_of(opened) as client:
        await client.chat.completions.create(
            model="auto",
            messages=ASKED,
            extra_headers={
                "x-switchgear-tier": "standard",
                "x-switchgear-tags": "team=mail",
                "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
            },
            extra_body={"switchgear": {"task": "classify", "tier": "economy"}},
        )
        (record,) = opened.stage.broker.written(topics.REQUESTS)
        routing = json.loads(record.value)["routing"]
        headers = dict(record.headers)
        assert routing == {"task": "classify", "tier": "standard", "tags": {"team": "mail"}}
        assert "switchgear" not in json.loads(record.value)["body"]
        assert headers["traceparent"].decode().split("-")[1] == "a" * 32
        assert opened.stage.called() == ["c"]


REQUESTS = "switchgear_gateway_requests_total"


async def test_metrics_by_the_genai_conventions() -> None:
    async with door({"eco-a": streams("4", "2")}) as opened, client_of(opened) as client:
        async for _ in await client.chat.completions.create(
            model="economy", messages=ASKED, stream=True
        ):
            pass
        value = opened.stage.metrics.value
        labels = {
            "gen_ai_operation_name": "chat",
            "gen_ai_provider_name": "a",
            "gen_ai_response_model": "small",
        }
        duration = "gen_ai_server_request_duration_seconds"
        await until(lambda: value(f"{duration}_count", **labels, error_type="") == 1)
        first = "gen_ai_server_time_to_first_token_seconds"
        assert value(f"{first}_count", **labels) == 1
        labels["gen_ai_request_model"] = labels.pop("gen_ai_response_model")
        first = "gen_ai_client_operation_time_to_first_chunk_seconds"
        assert value(f"{first}_count", **labels) == 1
        usage = "gen_ai_client_token_usage"
        assert value(f"{usage}_sum", **labels, gen_ai_token_type="output") == 10


async def test_metrics_by_the_http_conventions_and_a_log_without_texts() -> None:
    secret, question = "sk-sg-nobody_hush", "Where is the treasure?"
    scripts = {"eco-a": fails(answer("Under the oak."))}
    async with (
        door(scripts) as opened,
        httpx2.AsyncClient(base_url=opened.address) as client,
    ):
        asked = {"model": "economy", "messages": [{"role": "user", "content": question}]}
        with structlog.testing.capture_logs() as logged:
            answered = await client.post("/v1/chat/completions?key=hush", json=asked)
            assert "oak" in answered.text
            await client.get("/v1/models/nothing", headers={"x-api-key": secret})
            await client.request("PURGE", "/v2/none?key=hush")
            await client.post("/v1/chat/completions", content=question)
            await until(lambda: len(logged) == 4)
        value = opened.stage.metrics.value

        def seen(method: str, route: str, status: str) -> float | None:
            return value(
                "http_server_request_duration_seconds_count",
                http_request_method=method,
                http_route=route,
                http_response_status_code=status,
                error_type="",
            )

        assert seen("POST", "/v1/chat/completions", "200") == 1
        assert seen("POST", "/v1/chat/completions", "400") == 1
        assert seen("GET", "/v1/models/{model_id}", "401") == 1
        assert seen("_OTHER", "", "404") == 1
        told = json.dumps(logged)
        for kept_back in ("treasure", "oak", "hush"):
            assert kept_back not in told
        assert [entry["status"] for entry in logged] == [200, 401, 404, 400]
        assert all(entry["request_id"] and entry["ms"] >= 0 for entry in logged)
