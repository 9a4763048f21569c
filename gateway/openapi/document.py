"""OpenAPI 3.1 document of the gateway, written from the table of its operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from gateway.openapi.schemas import all_schemas, ref

Method: TypeAlias = Literal["get", "post", "delete"]
_STREAM: Final = "text/event-stream"
_WITHOUT_KEY: Final = ("Feedback", "FileForm", "BatchRequest")


@dataclass(frozen=True, slots=True)
class HttpOperation:
    """One method of one path."""

    method: Method
    path: str
    summary: str
    answer: str
    """The schema of its answer."""
    takes: str | None = None
    """The schema of its body."""
    streams: bool = False
    status: int = 200
    later: bool = False
    """Whether `Prefer: respond-async` is heeded."""
    query: tuple[str, ...] = ()
    public: bool = False
    form: bool = False
    """Whether the body is a multipart form."""


def _messages(base: str) -> Iterator[HttpOperation]:
    path, count = f"{base}/v1/messages", f"{base}/v1/messages/count_tokens"
    yield HttpOperation(
        "post",
        path,
        "Anthropic Messages",
        "AnthropicMessage",
        "MessagesRequest",
        streams=True,
        later=True,
    )
    yield HttpOperation(
        "post", count, "An estimate of a prompt's tokens", "TokenCount", "MessagesRequest"
    )


def _responses() -> Iterator[HttpOperation]:
    one = "/v1/responses/{response_id}"
    yield HttpOperation(
        "post", "/v1/responses", "OpenAI Responses", "Response", "ResponsesRequest", streams=True
    )
    count = "/v1/responses/input_tokens"
    yield HttpOperation(
        "post", count, "An estimate of an input's tokens", "InputTokens", "ResponsesRequest"
    )
    again = ("stream", "starting_after")
    yield HttpOperation("get", one, "A stored response", "Response", streams=True, query=again)
    yield HttpOperation("delete", one, "Forgets a response", "DeletedResponse")
    yield HttpOperation("post", f"{one}/cancel", "Stops one in the background", "Response")
    page = ("limit", "order", "after")
    yield HttpOperation("get", f"{one}/input_items", "What was asked", "ItemList", query=page)


def _batches() -> Iterator[HttpOperation]:
    files, batches, page = "/v1/files", "/v1/batches", ("after", "limit")
    one, batch = f"{files}/{{file_id}}", f"{batches}/{{batch_id}}"
    yield HttpOperation("post", files, "Uploads a file", "File", "FileForm", form=True)
    yield HttpOperation("get", files, "Files", "ObjectPage", query=page)
    yield HttpOperation("get", one, "A file", "File")
    yield HttpOperation("delete", one, "Forgets a file", "DeletedFile")
    yield HttpOperation("get", f"{one}/content", "A file's bytes, or a result's lines", "Lines")
    yield HttpOperation("post", batches, "Creates a batch", "Batch", "BatchRequest")
    yield HttpOperation("get", batches, "Batches", "ObjectPage", query=page)
    yield HttpOperation("get", batch, "A batch", "Batch")
    yield HttpOperation("post", f"{batch}/cancel", "Cancels a batch", "Batch")


OPERATIONS: Final = (
    HttpOperation(
        "post",
        "/v1/chat/completions",
        "OpenAI Chat Completions",
        "ChatCompletion",
        "ChatCompletionRequest",
        streams=True,
        later=True,
    ),
    HttpOperation(
        "post", "/v1/embeddings", "OpenAI Embeddings", "EmbeddingsList", "EmbeddingsRequest"
    ),
    *_responses(),
    # some point Anthropic's clients at a folder of its own
    *(operation for base in ("", "/anthropic") for operation in _messages(base)),
    HttpOperation(
        "get",
        "/v1/requests/{request_id}",
        "What came of a request that was answered later",
        "StoredRequest",
        query=("wait",),
    ),
    HttpOperation("delete", "/v1/requests/{request_id}", "Cancels such a request", "StoredRequest"),
    HttpOperation(
        "post", "/v1/feedback", "A cached answer was wrong", "Status", "Feedback", status=202
    ),
    *_batches(),
    HttpOperation("get", "/v1/models", "Tiers and models", "Models"),
    HttpOperation("get", "/v1/models/{model_id}", "A tier or a model", "Model"),
    HttpOperation("get", "/", "A probe of some SDKs", "Status", public=True),
    HttpOperation("get", "/healthz", "The process lives", "Status", public=True),
    HttpOperation("get", "/readyz", "It takes requests, or why it doesn't", "Status", public=True),
    HttpOperation("get", "/openapi.json", "This document", "Document", public=True),
)
_DESCRIPTION: Final = (
    "Any OpenAI or Anthropic client by changing its base address. Demands of Switchgear are in "
    "`x-switchgear-…` headers or in a `switchgear` object of the body; what came of them is in "
    "headers of the same kind and in a `switchgear` object of the answer."
)


def openapi_document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    keys = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Switchgear gateway", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in keys],
        "paths": paths,
        "components": {"schemas": all_schemas(), "securitySchemes": keys},
    }


def _operation(operation: HttpOperation) -> dict[str, Any]:
    name = operation.path.strip("/").replace("{", "").replace("}", "").replace("/", "_")
    told: dict[str, Any] = {
        "operationId": f"{operation.method}_{name or 'root'}".replace(".", "_"),
        "summary": operation.summary,
        "responses": dict(_answers(operation)),
    }
    parameters = list(_parameters(operation))
    if parameters:
        told["parameters"] = parameters
    if operation.takes is not None:
        kind = "multipart/form-data" if operation.form else "application/json"
        body = {kind: {"schema": ref(operation.takes)}}
        told["requestBody"] = {"required": True, "content": body}
    return told | ({"security": []} if operation.public else {})


def _parameters(operation: HttpOperation) -> Iterator[Mapping[str, Any]]:
    for part in operation.path.split("/"):
        if part.startswith("{"):
            schema = {"type": "string", "minLength": 1}
            yield {"name": part.strip("{}"), "in": "path", "required": True, "schema": schema}
    for name in operation.query:
        yield {"name": name, "in": "query", "schema": {"type": "string"}}
    if operation.later:
        yield {"name": "prefer", "in": "header", "schema": {"type": "string"}}
    if operation.takes is not None and operation.takes not in _WITHOUT_KEY:
        yield {"name": "idempotency-key", "in": "header", "schema": {"type": "string"}}


def _answers(operation: HttpOperation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kind = "application/octet-stream" if operation.answer == "Lines" else "application/json"
    content: dict[str, Any] = {kind: {"schema": ref(operation.answer)}}
    if operation.streams:
        content[_STREAM] = {"schema": {"type": "string"}}
    yield str(operation.status), {"description": operation.summary, "content": content}
    if operation.later:
        told = {"application/json": {"schema": ref("StoredRequest")}}
        yield "202", {"description": "Taken, to be answered later", "content": told}
    if operation.path == "/readyz":
        told = {"application/json": {"schema": ref("Status")}}
        yield "503", {"description": "It doesn't", "content": told}
    name = "AnthropicError" if "/messages" in operation.path else "OpenAIError"
    wrong = {"schema": ref(name)}
    yield "default", {"description": "An error", "content": {"application/json": wrong}}
