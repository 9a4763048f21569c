import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from dev.asyncapi import CHANNELS, HEADERS, asyncapi_document, asyncapi_json
from producers.contract import Chunk, Failed, codec, topics
from producers.contract.feedback import Feedback
from producers.contract.invalidation import Invalidation
from runtime.config.config_file import parse_config
from runtime.consuming.topics_admin import required_topics

ROOT = Path(__file__).parents[3]
DOCUMENT = asyncapi_document()


def payload_errors(topic: str, value: bytes) -> list[str]:
    """What the document says against a record of `topic`."""
    (message,) = DOCUMENT["channels"][topic]["messages"].values()
    registry = Registry().with_resource("urn:d", Resource.opaque(DOCUMENT))
    name = message["$ref"].rpartition("/")[2].replace("%7B", "{").replace("%7D", "}")
    payload = DOCUMENT["components"]["messages"][name]["payload"]["$ref"]
    schema = {"$ref": f"urn:d{payload}"}
    errors = Draft202012Validator(schema, registry=registry).iter_errors(json.loads(value))
    return [error.message for error in errors]


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for child in node.values() for ref in references(child)]
    if isinstance(node, list):
        return [ref for child in node for ref in references(child)]
    return []


def test_the_committed_document_is_what_the_code_declares() -> None:
    committed = (ROOT / "docs" / "asyncapi.json").read_text("utf-8")
    assert committed == asyncapi_json(), "run: python -m dev.generated_docs"


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHGEAR_KAFKA", "elsewhere:1")
    assert asyncapi_document() == DOCUMENT


def test_every_topic_of_the_engine_is_in_it() -> None:
    patterns = [re.sub(r"\\{\w+\\}", r"[\\w-]+", re.escape(channel)) for channel in CHANNELS]
    for topic in required_topics(parse_config((ROOT / "switchgear.yaml").read_text("utf-8"))):
        assert any(re.fullmatch(pattern, topic.name) for pattern in patterns), topic.name
    assert set(DOCUMENT["channels"]) == set(CHANNELS)


def test_it_has_the_schema_of_every_record_and_every_header() -> None:
    schemas: dict[str, Any] = DOCUMENT["components"]["schemas"]
    records = {"Request", "TaggedRequest", "Done", "Failed", "Chunk", "UsageEvent", "Feedback"}
    for name in (*records, "Invalidation"):
        assert schemas[name]["properties"], name
    assert set(schemas["Headers"]["properties"]) == set(HEADERS) == codec.OWN_HEADERS


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        node: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("%7B", "{").replace("%7D", "}")]
        assert isinstance(node, dict), reference


FEEDBACK = Feedback(id="r", tenant="t", task="k", tier="e", good=1, source="user")
FAILED = Failed(id="r", code="overloaded", message="m", retryable=True)


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (topics.FEEDBACK, codec.encode(FEEDBACK)),
        (topics.REPLIES, codec.encode(FAILED)),
        (topics.REPLIES, codec.encode(Chunk(id="r", seq=0, delta={"content": "x"}))),
        (topics.CACHE_INVALIDATIONS, codec.encode(Invalidation(tenant="t", everything=True))),
        (topics.REQUESTS, b'{"id":"r","tenant":"t","body":{"messages":[{"role":"user"}]}}'),
    ],
)
def test_a_record_that_we_write_fits_its_schema_and_nonsense_does_not(
    topic: str, value: bytes
) -> None:
    assert payload_errors(topic, value) == []
    assert payload_errors(topic, b'{"nonsense": 1}') != []
