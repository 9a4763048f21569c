"""Is every pattern either refused or cheap to compile, and are ordinary ones accepted?"""

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter

from producers.contract import Validator
from workers.checks.pattern_size import too_large
from workers.checks.validators import invalid_checks

READ: TypeAdapter[Validator] = TypeAdapter(Validator)
BOMBS = [
    "((((a{1000}){1000}){1000}){1000}){1000}",
    "(a{1000}){1000}",
    "(?:a{1000}){1000}",
    "(?=(a{1000}){1000})",
    "(?<!(?>(a{1000}){1000}))",
    "(?P<n>(.{1000,}){10000,})",
    "(a{1000}|b{1000}){1000}",
    "(?:[abcdefghijklmnopqrstuvwxyz]{100}){100}",
    "(((a{100})?){100}){100}",
    "((a{100})+){1000}",
    r"(\]{1000}){1000}",
    r"([]]{1000}){1000}",
    "([^]]{1000}){1000}",
    r"([\]]{1000}){1000}",
    "([[:alpha:]]{1000}){1000}",
    "(?x)(a{1000}) {1000}",
    "(?ix:(a{1000}) #\n{1000})",
    "(a{1000})(?#){1000}",
    "(?:a{1000}){e<=1}{1000}",
    "(a{1000}){ 1000 }",
    "a{9999999}",
    "a{99999999999999999999}",
    "(?:" * 20 + "a" + "{2})" * 20,
    "(" * 600 + "a" + ")" * 600,
    "a" * 2_001,
]
ORDINARY = [
    r"\d{4}-\d{2}-\d{2}",
    r"[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){4}(?: ?[0-9A-Z]{1,2})?",
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    r"(?i)^(yes|no|maybe)[.!]?$",
    r"(\w+\s){10,100}\w+\.",
    r".{1,5000}",
    r"(?s)\A\{.*\}\Z",
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)",
    r"[^@\s]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,63}",
    r"\p{Lu}\p{Ll}*(?: \p{Lu}\p{Ll}*)*",
    r"(?P<q>['\"]).*?(?P=q)",
    "|".join(f"option-{n}" for n in range(150)),
]


@pytest.mark.parametrize("pattern", BOMBS)
def test_what_would_be_dear_to_compile_is_refused(pattern: str) -> None:
    assert too_large(pattern) is not None


@pytest.mark.parametrize("pattern", ORDINARY)
def test_ordinary_patterns_are_taken(pattern: str) -> None:
    assert invalid_checks([READ.validate_python({"kind": "regex", "pattern": pattern})], {}) is None


def test_the_sender_is_told_before_anything_is_compiled() -> None:
    schema = {"properties": {"a": {"items": {"pattern": BOMBS[1]}}}}
    for check in (
        {"kind": "regex", "pattern": BOMBS[0]},
        {"kind": "json_schema", "schema": schema},
    ):
        message = invalid_checks([READ.validate_python(check)], {})
        assert message is not None
        assert "at most 20,000 may be" in message


def test_the_patterns_of_a_schema_count_together() -> None:
    schema = {"properties": {f"p{n}": {"pattern": "a{900}"} for n in range(40)}}
    assert (
        invalid_checks([READ.validate_python({"kind": "json_schema", "schema": schema})], {})
        is not None
    )


def test_a_wrong_pattern_in_a_schema_is_told() -> None:
    check = {"kind": "json_schema", "schema": {"pattern": "("}}
    assert "the pattern is invalid" in (invalid_checks([READ.validate_python(check)], {}) or "")


def test_a_request_has_so_many_checks_and_no_more() -> None:
    check = READ.validate_python({"kind": "max_length", "characters": 1})
    assert invalid_checks([check] * 32, {}) is None
    assert invalid_checks([check] * 33, {}) == (
        "validators: checks of one request: 33 checks, at most 32 may be"
    )


COMPILE_ALL = """
import json, resource, sys, time, regex
def used(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
worst = [0.0, 0]
regex.compile("warm")
for pattern in json.load(sys.stdin):
    memory, begun = used(), time.process_time()
    try: regex.compile(pattern)
    except (regex.error, RecursionError): pass
    worst = [max(worst[0], time.process_time() - begun), max(worst[1], used() - memory)]
    regex.purge()
print(json.dumps(worst))
"""


def test_the_dearest_that_are_taken_compile_quickly_and_small() -> None:
    dear = [
        "(a{100}){190}", "(.{1000}){9}", "a{19000}", "(a|b){4000}", "(?:[a-z]{20}){150}",
        "(?:" * 11 + "a" + "{2})" * 11, "a{900}" * 20, "(" * 48 + "a" + ")" * 48,
        "|".join("a" * (n % 9) for n in range(300)), r"\p{L}{1000}", "(?i)[a-zß]{2000}",
        "(?=(?:a{100}){100})", "(a+){6000}", "(?if)" + "ß" * 1_000,
    ]  # fmt: skip
    assert [pattern for pattern in dear if too_large(pattern)] == []
    ran = subprocess.run(
        [sys.executable, "-c", COMPILE_ALL],
        input=json.dumps(dear),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, kilobytes = json.loads(ran.stdout)
    assert seconds < 0.5
    assert kilobytes < 50_000
