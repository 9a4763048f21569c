import copy
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from dev.contract_files.compatibility import breaking_changes, last_release, undecided
from dev.contract_files.schemas import record_schemas, schema_pages
from producers.contract import Chunk, Failed, codec
from producers.contract.feedback import Feedback

ROOT = Path(__file__).parents[4]
SCHEMAS = record_schemas()


def test_nothing_breaks_the_last_release_unless_it_was_decided() -> None:
    _, released = last_release(ROOT)
    assert undecided(breaking_changes(released, SCHEMAS)) == []


def test_the_committed_files_are_what_the_code_writes() -> None:
    for name, page in schema_pages().items():
        assert (ROOT / name).read_text("utf-8") == page(), "run: python -m dev.generated_docs"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_is_a_json_schema_complete_in_itself(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    text = json.dumps(SCHEMAS[name])
    for part in text.split('"$ref": "')[1:]:
        assert part.startswith("#/$defs/")
        assert part.split('"')[0].removeprefix("#/$defs/") in SCHEMAS[name]["$defs"]


FAILED = Failed(id="r", code="overloaded", message="m", retryable=True)
FEEDBACK = Feedback(id="r", tenant="t", task="k", tier="e", good=1, source="user")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("failed", codec.encode(FAILED)),
        ("reply", codec.encode(FAILED)),
        ("chunk", codec.encode(Chunk(id="r", seq=0, delta={"content": "x"}))),
        ("feedback", codec.encode(FEEDBACK)),
        ("request", b'{"id":"r","tenant":"t","body":{"messages":[{"role":"user"}]}}'),
    ],
)
def test_a_record_that_we_write_fits_its_schema_and_nonsense_does_not(
    name: str, value: bytes
) -> None:
    schema = Draft202012Validator(SCHEMAS[name])
    assert schema.is_valid(json.loads(value))
    assert not schema.is_valid({"nonsense": 1})


def test_a_breaking_change_is_told_by_its_name() -> None:
    changed = copy.deepcopy(SCHEMAS)
    changed["request"]["required"].append("colour")
    changed["request"]["properties"]["colour"] = {"type": "string"}
    del changed["done"]["properties"]["usage"]
    changed["done"]["required"].remove("usage")
    del changed["feedback"]
    assert undecided(breaking_changes(SCHEMAS, changed)) == [
        "request: colour: became required",
        "feedback: the record: is no longer part of the contract",
        "done: usage: is no longer promised",
        "done: usage: is no longer written",
    ]
