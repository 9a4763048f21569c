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

    What the engine writes is described as it writes it: without a field rather than with null.
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
    return {**head, **{key: value for key, value in body.items() if key not in head}}


def record_schemas() -> dict[str, dict[str, Any]]:
    """All of them, by the record's name."""
    return {name: record_schema(name) for name in RECORDS}


def schema_pages() -> Mapping[str, Callable[[], str]]:
    """The files, by their path, with what writes each."""
    return {f"{FOLDER}/{name}.json": partial(_page, name) for name in RECORDS}


def _page(name: str) -> str:
    return json.dumps(record_schema(name), indent=1, ensure_ascii=False) + "\n"


def _without_null(node: Any) -> Any:  # noqa: ANN401 JSON
    """The schema without null beside another type, where a record has the field or lacks it."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _without_null(value)
        for key, value in node.items()
        if not (key == "default" and value is None)
    }
    branches = kept.get("anyOf")
    if not isinstance(branches, list):
        return kept
    others = [branch for branch in branches if branch != {"type": "null"}]
    if len(others) == 1:
        del kept["anyOf"]
        return {**others[0], **kept}
    return {**kept, "anyOf": others}
