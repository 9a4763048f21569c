"""JSON Schema files of every record: `docs/schemas/`, written by `python -m dev.generated_docs`."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import TypeAdapter

from dev.contract_files.records import RECORDS
from producers.contract import codec

FOLDER: Final = "docs/schemas"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def record_schema(name: str) -> dict[str, Any]:
    """The schema of one kind of record, complete in itself.

    What the engine writes is described as it writes it: without a field rather than with null, and
    with every other default.
    """
    record = RECORDS[name]
    written = record.between != "callers to engine"
    mode: Any = "serialization" if record.between == "engine to callers" else "validation"
    schema = TypeAdapter(record.model).json_schema(by_alias=True, mode=mode)
    major = codec.SCHEMA.rpartition("/")[2]
    head = {
        "$schema": _DIALECT,
        "$id": f"urn:switchgear:{major}:{name}",
        "title": "".join(word.capitalize() for word in name.split("-")),
    }
    body: dict[str, Any] = _without_null(schema) if written else schema
    if record.between == "engine to callers":
        body = _with_promises(body)
    return {**head, **{key: value for key, value in body.items() if key not in head}}


def record_schemas() -> dict[str, dict[str, Any]]:
    """All of them, by the record's name."""
    return {name: record_schema(name) for name in RECORDS}


def schema_pages() -> Mapping[str, Callable[[], str]]:
    """The files, by their path, with what writes each."""
    return {f"{FOLDER}/{name}.json": partial(_page, name) for name in RECORDS}


def _page(name: str) -> str:
    return json.dumps(_plain(record_schema(name)), indent=1, ensure_ascii=False) + "\n"


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """For generators of types: without titles, what else may be null, and defaults in braces."""
    plain: dict[str, Any] = _bare(_without_null(schema, optional_alone=True))
    return {**plain, "title": schema["title"]}


def _bare(node: Any) -> Any:  # noqa: ANN401 JSON
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    # a field may be called title or default: its schema is no text, and has a type
    return {
        key: _bare(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and isinstance(value, list | dict) and "type" not in value)
    }


def _without_null(node: Any, *, optional_alone: bool = False) -> Any:  # noqa: ANN401 JSON
    """The schema without null beside another type, where a record has the field or lacks it.

    optional_alone: only where null is what the field's absence means.
    """
    if isinstance(node, list):
        return [_without_null(item, optional_alone=optional_alone) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {
        key: _without_null(value, optional_alone=optional_alone) for key, value in node.items()
    }
    absent = "default" in inner and inner["default"] is None
    branches = inner.get("anyOf")
    if not isinstance(branches, list) or (optional_alone and not absent):
        return inner
    if absent:
        del inner["default"]
    others = [branch for branch in branches if branch != {"type": "null"}]
    if len(others) == 1:
        del inner["anyOf"]
        return {**others[0], **inner}
    return {**inner, "anyOf": others}


def _with_promises(node: Any) -> Any:  # noqa: ANN401 JSON
    """The schema whose fields with a default are promised."""
    if isinstance(node, list):
        return [_with_promises(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {key: _with_promises(value) for key, value in node.items()}
    fields = inner.get("properties")
    if inner.get("type") == "object" and isinstance(fields, dict):
        promised = {*inner.get("required", ())}
        inner["required"] = [
            name for name, field in fields.items() if name in promised or "default" in field
        ]
    return inner
