"""Call a provider with a wire format of its own: here Ollama's native `/api/chat`.

An OpenAI-compatible server needs no code, only a deployment: {base_url: "http://gpu-1:8000/v1"}.
For anything else name the class of a dialect where a deployment names its dialect:

    deployments:
      local: {model: llama-3, provider: self, self_hosted: true, zone: cellar,
              base_url: "http://gpu-1:11434", dialect: "examples.own_provider:OllamaDialect"}

The worker does the talking: deadlines, credentials, retries, limits, circuit breakers.
"""

import json
from collections.abc import Iterator
from typing import Any

from producers.contract import Usage
from workers.providers.base.call_outcome import Failure
from workers.providers.base.dialect import Answer, Delta, WireRequest, truncated_stream
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.blocks.assembly import AnswerAssembly


class OllamaReader:
    """Lines of JSON, each with the next piece of the answer; the last one has the usage."""

    def __init__(self) -> None:
        self._assembly, self._rest, self._reason = AnswerAssembly(), b"", "stop"
        self.ended = False
        self.usage: Usage | None = None

    def feed(self, received: bytes) -> Iterator[Delta]:
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if line and (delta := self._delta(json.loads(line))):
                yield delta

    def close(self) -> Iterator[Delta]:
        return iter(())  # a line without its end is a cut one

    def _delta(self, part: dict[str, Any]) -> Delta | None:
        if part["done"]:
            self.ended, self._reason = True, part["done_reason"]
            self.usage = Usage(input_uncached=part["prompt_eval_count"], output=part["eval_count"])
        return self._assembly.add_text(part["message"]["content"])

    def result(self) -> Answer | Failure:
        if self.usage is None:
            return truncated_stream(None)
        return self._assembly.assemble({}, self._reason, self.usage)


class OllamaDialect:
    """Pure: it neither opens a connection nor keeps anything between two calls."""

    stream_type, stream_reader = "application/x-ndjson", OllamaReader

    def encode_request(self, request: ProviderRequest, *, stream: bool) -> WireRequest:
        name = request.deployment.wire_model or request.deployment.model
        body = {"model": name, "messages": request.body.messages, "stream": stream}
        return WireRequest("/api/chat", json.dumps(body).encode())

    def decode_answer(self, payload: bytes) -> Answer | Failure:
        reader = OllamaReader()  # a whole answer is a stream of one line
        list(reader.feed(payload + b"\n"))
        return reader.result()
