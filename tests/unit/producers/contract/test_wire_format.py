from typing import Any

import pytest

from producers.contract import codec
from producers.contract.wire_format import is_framed, unframed, unknown_version

JSON = b'{"id":"r"}'


@pytest.mark.parametrize("value", [codec.SCHEMA, "switchgear/1", "switchgear/2", "switchgear/2.7"])
def test_every_version_that_was_ever_written_is_read(value: str) -> None:
    assert unknown_version([("x-schema", value.encode())]) is None


def test_a_record_without_a_version_is_read() -> None:
    null: Any = [("x-schema", None)]  # Kafka has null headers
    assert unknown_version([]) is None
    assert unknown_version([("x-schema", b"")]) is None
    assert unknown_version(null) is None


@pytest.mark.parametrize(
    "value", [b"switchgear/3", b"switchgear/0", b"switchgear/", b"acme/1", b"\xff", b"1" * 5000]
)
def test_another_version_is_refused_with_those_that_are_known(value: bytes) -> None:
    problem = unknown_version([("x-schema", value)])
    assert problem is not None
    assert "only switchgear/1 and switchgear/2 can be read" in problem
    assert len(problem) < 300


@pytest.mark.parametrize("prefix", [b"\x00\x00\x00\x00\x2a", b"\x01" + bytes(range(16))])
def test_a_registrys_schema_id_is_taken_off(prefix: bytes) -> None:
    assert is_framed(prefix + JSON)
    assert unframed(prefix + JSON) == JSON


@pytest.mark.parametrize(
    "value", [b"", JSON, b"\x00", b"\x00\x00\x00\x00", b"\x01" * 16, b"\x02abc"]
)
def test_anything_else_stays_as_it_is(value: bytes) -> None:
    assert not is_framed(value)
    assert unframed(value) == value
