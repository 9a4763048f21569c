"""Schemas of the OpenAPI document: the contract's own, and those of the three dialects.

A dialect's bodies are open: what a schema doesn't name travels to the provider, or is dropped with
a warning. Named is what the gateway itself reads.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from producers.contract import ChatBody, Routing

_Schema = dict[str, Any]
_TEMPLATE: Final = "#/components/schemas/{model}"


def _object(required: tuple[str, ...] = (), **properties: _Schema) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _one(*options: _Schema) -> dict[str, Any]:
    return {"anyOf": list(options)}


def ref(name: str) -> dict[str, Any]:
    """The schema called `name`."""
    return {"$ref": _TEMPLATE.format(model=name)}


_TEXT: Final[_Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[_Schema] = {"type": ["string", "null"]}
_COUNT: Final[_Schema] = {"type": "integer", "minimum": 0}
_LIMIT: Final[_Schema] = {"type": ["integer", "null"], "minimum": 1}
_FLAG: Final[_Schema] = {"type": ["boolean", "null"]}
_OBJECTS: Final[_Schema] = {"type": "array", "items": {"type": "object"}}
_BLOCKS: Final[_Schema] = _one(_TEXT, _OBJECTS)
_STATUSES: Final = ("queued", "in_progress", "completed", "incomplete", "failed", "cancelled")


def _const(value: str) -> dict[str, Any]:
    return {"const": value}


def _list_of(items: _Schema, **more: _Schema) -> dict[str, Any]:
    return _object(("data",), object=_const("list"), data={"type": "array", "items": items}, **more)


_DIALECTS: Final[Mapping[str, _Schema]] = {
    "OpenAIError": _object(
        ("error",),
        error=_object(
            ("message", "type", "param", "code"),
            message=_TEXT,
            type=_TEXT,
            param=_TEXT_OR_NULL,
            code=_TEXT_OR_NULL,
        ),
    ),
    "AnthropicError": _object(
        ("type", "error", "request_id"),
        type=_const("error"),
        error=_object(("type", "message"), type=_TEXT, message=_TEXT, code=_TEXT),
        request_id=_TEXT,
    ),
    "ChatCompletion": _object(
        ("id", "object", "created", "model", "choices", "usage"),
        id=_TEXT,
        object=_const("chat.completion"),
        created=_COUNT,
        model=_TEXT,
        choices=_OBJECTS,
        usage={"type": "object"},
        switchgear=ref("Outcome"),
    ),
    "EmbeddingsRequest": _object(
        ("model", "input"),
        model=_TEXT,
        input=_one(
            {"type": "string", "minLength": 1},
            {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            {"type": "array", "minItems": 1, "items": _COUNT},
            {
                "type": "array",
                "minItems": 1,
                "items": {"type": "array", "minItems": 1, "items": _COUNT},
            },
        ),
        dimensions=_LIMIT,
        encoding_format={"enum": ["float", "base64"]},
        user=_TEXT_OR_NULL,
        switchgear=ref("Routing"),
    ),
    "EmbeddingsList": _list_of(
        _object(
            ("index", "embedding"),
            index=_COUNT,
            object=_const("embedding"),
            embedding=_one(_TEXT, {"type": "array", "items": {"type": "number"}}),
        ),
        model=_TEXT,
        usage=_object(("prompt_tokens",), prompt_tokens=_COUNT, total_tokens=_COUNT),
        switchgear=ref("Outcome"),
    ),
    "ResponsesRequest": _object(
        ("input",),
        model=_TEXT_OR_NULL,
        input=_BLOCKS,
        instructions=_TEXT_OR_NULL,
        previous_response_id=_TEXT_OR_NULL,
        tools=_OBJECTS,
        tool_choice=_one(_TEXT, {"type": "object"}),
        text={"type": "object"},
        reasoning={"type": "object"},
        max_output_tokens=_LIMIT,
        include={"type": "array", "items": _TEXT},
        metadata={"type": "object", "maxProperties": 16, "additionalProperties": _TEXT},
        store=_FLAG,
        stream=_FLAG,
        background=_FLAG,
        switchgear=ref("Routing"),
    ),
    "Response": _object(
        ("id", "object", "created_at", "status", "output", "model"),
        id=_TEXT,
        object=_const("response"),
        created_at=_COUNT,
        status={"enum": list(_STATUSES)},
        output=_OBJECTS,
        model=_TEXT,
        error={"type": ["object", "null"]},
        usage={"type": ["object", "null"]},
        switchgear=ref("Outcome"),
    ),
    "DeletedResponse": _object(
        ("id", "deleted"), id=_TEXT, object=_const("response"), deleted={"const": True}
    ),
    "ItemList": _list_of({"type": "object"}, has_more={"type": "boolean"}),
    "MessagesRequest": _object(
        ("model", "messages", "max_tokens"),
        model=_TEXT,
        max_tokens={"type": "integer", "minimum": 1},
        messages={
            "type": "array",
            "minItems": 1,
            "items": _object(
                ("role", "content"), role={"enum": ["user", "assistant", "system"]}, content=_BLOCKS
            ),
        },
        system=_BLOCKS,
        tools=_OBJECTS,
        tool_choice={"type": "object"},
        thinking={"type": "object"},
        stop_sequences={"type": "array", "items": _TEXT},
        stream=_FLAG,
        switchgear=ref("Routing"),
    ),
    "AnthropicMessage": _object(
        ("id", "type", "role", "model", "content", "stop_reason", "usage"),
        id=_TEXT,
        type=_const("message"),
        role=_const("assistant"),
        model=_TEXT,
        content=_OBJECTS,
        stop_reason=_TEXT,
        usage=_object(("input_tokens", "output_tokens"), input_tokens=_COUNT, output_tokens=_COUNT),
        switchgear=ref("Outcome"),
    ),
    "TokenCount": _object(("input_tokens",), input_tokens=_COUNT),
    "InputTokens": _object(
        ("object", "input_tokens"), object=_const("response.input_tokens"), input_tokens=_COUNT
    ),
    "Models": _object(("data",), data=_OBJECTS),
    "Model": _object(("id",), id=_TEXT),
    "StoredRequest": {"type": "object"},
    "FileForm": _object(
        ("purpose", "file"), purpose=_const("batch"), file={"type": "string", "format": "binary"}
    ),
    "File": _object(("id", "bytes", "purpose", "status"), id=_TEXT, bytes=_COUNT),
    "DeletedFile": _object(("id", "deleted"), id=_TEXT, deleted={"type": "boolean"}),
    "Lines": {"type": "string", "format": "binary"},
    "BatchRequest": _object(
        ("input_file_id", "endpoint", "completion_window"),
        input_file_id=_TEXT,
        endpoint=_const("/v1/chat/completions"),
        completion_window={"type": "string", "pattern": "^[0-9]{1,4}[mhd]$"},
    ),
    "Batch": _object(("id", "status", "request_counts"), id=_TEXT, status=_TEXT),
    "ObjectPage": _object(("data", "has_more"), data=_OBJECTS, has_more={"type": "boolean"}),
    "Feedback": _object(
        ("request_id", "cached_answer"),
        request_id={"type": "string", "minLength": 1, "maxLength": 200},
        cached_answer=_const("wrong"),
    ),
    "Status": _object(("status",), status=_TEXT),
    "Document": {"type": "object"},
    "Outcome": {
        **_object(
            ("request_id",),
            request_id=_TEXT,
            tier=_TEXT,
            deployment=_TEXT,
            model=_TEXT,
            cache=_TEXT,
            cost_usd=_TEXT,
            saved_usd=_TEXT,
            trace_id=_TEXT,
            warnings={"type": "array", "items": _TEXT},
        ),
        "description": "What came of a request; USD are decimal texts.",
    },
}


def all_schemas() -> dict[str, _Schema]:
    """`components.schemas`."""
    models = [(ChatBody, "validation"), (Routing, "validation")]
    _, contract = models_json_schema(models, ref_template=_TEMPLATE)  # type: ignore[arg-type]
    schemas: dict[str, _Schema] = {**contract["$defs"], **_DIALECTS}
    chat = schemas.pop("ChatBody")
    # how the other interfaces' requests travel is no part of the chat's
    for field, model in (("embeddings", "EmbeddingsInput"), ("anthropic", "AnthropicParts")):
        chat["properties"].pop(field)
        schemas.pop(model)
    chat["properties"] |= {"n": _LIMIT, "switchgear": ref("Routing")}
    return schemas | {"ChatCompletionRequest": chat}
