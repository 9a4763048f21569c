"""Does each pattern and schema of a sender end in time, in a process that is not ours?"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime import limits
from workers.checks.checking_process import CheckingProcess, run_contained
from workers.checks.foreign_check import ForeignCheck, is_small, run_here

SECONDS = 1.0


@pytest.fixture(scope="module")
def process() -> Iterator[CheckingProcess]:
    process = CheckingProcess()
    assert process.run(ForeignCheck("pattern", "a", None), SECONDS) is None
    yield process
    process.end()


def schema(program: dict[str, Any], answer: Any) -> ForeignCheck:  # noqa: ANN401 any JSON
    return ForeignCheck("schema", program, json.dumps(answer))


def reference_chain(length: int) -> dict[str, Any]:
    steps: dict[str, Any] = {f"s{n}": {"$ref": f"#/$defs/s{n + 1}"} for n in range(length)}
    return {"$defs": steps | {f"s{length}": {}}, "$ref": "#/$defs/s0"}


SAME_HASH = [n * (2**61 - 1) for n in range(15_000)]
HARD = {
    "numbers of one hash": schema({"uniqueItems": True}, SAME_HASH),
    "lists of one hash": schema({"uniqueItems": True}, [[each] for each in SAME_HASH]),
    "twice at each level": schema(
        {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}},
        json.loads('{"a":' * 40 + "1" + "}" * 40),
    ),
    "evaluated again": schema(
        {"unevaluatedItems": False, "allOf": [{"contains": {"const": n}} for n in range(400)]},
        list(range(50_000)),
    ),
    "a long chain of references": ForeignCheck("schema", reference_chain(1_900), None),
    "a schema of many values": ForeignCheck(
        "schema", {"properties": {f"p{n}": {} for n in range(9_000)}}, None
    ),
    "backtracking": ForeignCheck("pattern", "(a+)+$", "a" * 50_000 + "b"),
    "nested repeats": ForeignCheck("pattern", "((((a{999}){999}){999}){999}){999}", None),
    "groups of a long text": ForeignCheck("pattern", "(((a)|b)|c)*", "abc" * 100_000 + "x"),
    "brackets": ForeignCheck("schema", {}, "[" * 300_000),
}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_check_ends_and_the_next_one_is_served(process: CheckingProcess, name: str) -> None:
    assert not is_small(HARD[name])
    begun = time.process_time()
    process.run(HARD[name], SECONDS)
    # it is the other process that computes
    assert time.process_time() - begun < SECONDS / 2
    assert process.run(ForeignCheck("pattern", "b", "a"), SECONDS) is not None
    assert process.run(schema({"type": "integer"}, 1), SECONDS) is None


def test_a_check_that_hangs_is_killed_and_another_process_takes_over() -> None:
    process = CheckingProcess()
    job = ForeignCheck("pattern", "a", "a")
    assert process.run(job, SECONDS) is None
    first = child_of(process)
    os.kill(first, signal.SIGSTOP)
    assert process.run(job, 0.05) == "it can't be checked in time"
    assert process.run(job, SECONDS) is None
    os.kill(second := child_of(process), signal.SIGKILL)
    assert "broke off" in (process.run(job, SECONDS) or "")
    assert process.run(job, SECONDS) is None
    assert len({first, second, child_of(process)}) == 3
    process.end()


def child_of(process: CheckingProcess) -> int:
    child = process._child  # noqa: SLF001 - the test plays the machine
    assert child is not None
    return child.pid


def test_memory_is_bounded_and_no_key_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    process = CheckingProcess()
    assert process.run(ForeignCheck("pattern", "a", None), SECONDS) is None
    folder = Path(f"/proc/{child_of(process)}")
    assert b"secret" not in (folder / "environ").read_bytes()
    table = (folder / "limits").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in table if line.startswith("Max address space"))
    assert limits.CHECK_MEMORY.value < int(line.split()[3]) < 4 * limits.CHECK_MEMORY.value
    process.end()


def test_the_program_ends_with_its_input() -> None:
    command = [sys.executable, "-m", "workers.checks.checking_program"]
    ended = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=True)
    assert ended.stdout == b"\x00\x00\x00\x04null"


@pytest.mark.parametrize(
    "job",
    [
        schema({"type": "object", "required": ["a"]}, {"a": 1}),
        schema({"type": "object", "required": ["a"]}, {"b": 1}),
        schema({"items": {"enum": [1, 2]}}, [1, 2, 1]),
        ForeignCheck("schema", {"type": "nonsense"}, None),
    ],
)
def test_an_ordinary_schema_is_checked_here_and_says_the_same(
    process: CheckingProcess, job: ForeignCheck
) -> None:
    assert is_small(job)
    assert run_contained(job, SECONDS) == run_here(job, SECONDS) == process.run(job, SECONDS)


def test_equal_numbers_are_equal_whatever_they_are_written_as() -> None:
    unique = {"uniqueItems": True}
    for answer, is_unique in (
        ([1, 1.0], False),
        ([1, True], True),
        ([0.5, 0.5], False),
        ([1, "1"], True),
        ([[1], [1.0]], False),
        ([{"a": 1}, {"a": 2}], True),
        ([2**60, 2.0**60], False),
    ):
        assert (run_here(schema(unique, answer), SECONDS) is None) is is_unique, answer
