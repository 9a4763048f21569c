"""A provider that answers, or fails by quoting all that it was sent: the key and the prompt."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


@asynccontextmanager
async def parrot(answer: str) -> AsyncIterator[str]:
    """Its address. `/200/...` answers in OpenAI's dialect; `/500/...` fails with that status."""

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        asked = await request.read()
        status = int(request.path.split("/")[1])
        if status == 200:
            return _answered(answer, stream=json.loads(asked).get("stream", False))
        return _quoted(status, dict(request.headers), asked.decode())

    runner = web.ServerRunner(web.Server(respond), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


def _quoted(status: int, headers: dict[str, str], asked: str) -> web.Response:
    keys = [
        value for name, value in headers.items() if name.lower() in ("authorization", "x-api-key")
    ]
    said = f"no: {asked[-200:]} {' '.join(keys)}"
    body = {
        "error": {"message": said, "type": said, "code": said},
        "message": said,
        "type": "error",
    }
    told = {"x-request-id": keys[0], "www-authenticate": keys[0], "x-amzn-errortype": keys[0]}
    return web.json_response(body, status=status, headers=told)


def _answered(answer: str, *, stream: bool) -> web.Response:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    about = {"id": "c1", "created": 1, "model": "m"}
    message = {"role": "assistant", "content": answer}
    if not stream:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
        return web.json_response(body)
    parts: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": message}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    chunks = [json.dumps({**about, "object": "chat.completion.chunk", **part}) for part in parts]
    text = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"])
    return web.Response(text=text, content_type="text/event-stream")
