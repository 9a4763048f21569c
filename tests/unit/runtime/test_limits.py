"""Is exactly as much taken as the table of limits says, and is one more refused by its name?"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.endpoints.files import too_many_entries
from gateway.exchanges.submissions import parse_json
from observability.evaluation.data_sets.csv_table import UnusableLineError
from observability.evaluation.data_sets.own_cases import jsonl_cases
from producers.contract import Validator, codec
from producers.contract.codec import DecodeError
from producers.contract.job_record import FileRecord
from producers.json_values import marks_in
from producers.kafka.broker import Partition, Record
from producers.kafka.inflation import InflationError, inflated
from router.serve.record_checks import crowded_headers
from runtime import limits
from runtime.config.yaml_document import UnreadableYaml, read_yaml
from runtime.identity.tokens.key_set import KeySetError, parse_jwks
from runtime.limit import Limit
from tests.kafka_batches import zipped_zeros
from workers.checks.validators import failed_checks, invalid_checks
from workers.delivery.cancellations import Cancellations, RequestCancelled
from workers.delivery.reply_channel import reply_refusal
from workers.health.shared_state import short_news
from workers.providers.base.json_values import json_of
from workers.providers.base.token_counts import token_counts

Probe = Callable[[int], bool]
"""Whether so much is taken."""
EVALUATION = "tests/unit/observability/evaluation"
READ: TypeAdapter[Validator] = TypeAdapter(Validator)


def decodes(**changes: Any) -> bool:  # noqa: ANN401 whatever a request's field may hold
    message = {"role": "user", "content": changes.pop("content", "x")}
    body = {"messages": [message], **changes.pop("body", {})}
    raw = json.dumps({"id": "r", "tenant": "t", "body": body, **changes}).encode()
    try:
        codec.decode_request(raw)
    except DecodeError:
        return False
    return True


def uploaded() -> FileRecord:
    now_ms, name = int(time.time() * 1000), f"file-{0:024}"
    return FileRecord(id=name, tenant="t", filename="f", size=1, pieces=1, created_ms=now_ms)


def imports(line: str) -> bool:
    try:
        return len(list(jsonl_cases([line.encode()], "t"))) == 1
    except UnusableLineError:
        return False


def usable(**check: Any) -> bool:  # noqa: ANN401 a validator's fields
    return invalid_checks([READ.validate_python(check)], {}) is None


def schema(**keywords: object) -> bool:
    return usable(kind="json_schema", schema=keywords)


def nested_schema(levels: int) -> bool:
    inner: dict[str, Any] = {}
    for _ in range(levels - 1):
        inner = {"not": inner}
    return schema(**inner)


def passes(text: str, **check: Any) -> bool:  # noqa: ANN401 a validator's fields
    answer = {"choices": [{"message": {"content": text}}]}
    return failed_checks([READ.validate_python(check)], answer, {}) == ()


def headers(*pairs: tuple[str, bytes]) -> bool:
    return crowded_headers(Record(Partition("t", 0), 0, None, b"", pairs, 0)) is None


def inflates(size: int) -> bool:
    try:
        return len(inflated(1, zipped_zeros(size))) == size
    except InflationError:
        return False


def remembers(number: int) -> bool:
    async def first_is_cancelled() -> bool:
        cancellations = Cancellations()
        tenant = codec.to_headers({codec.TENANT_HEADER: "t"})
        for name in range(number):
            key = str(name).encode()
            cancellations.receive(Record(Partition("c", 0), 0, key, b"", tenant, 0))
        try:
            with cancellations.stopping("t", "0"):
                return False
        except RequestCancelled:
            return True

    return asyncio.run(first_is_cancelled())


def configured(text: str) -> bool:
    return not isinstance(read_yaml(text), UnreadableYaml)


def key_set(keys: int = 1, size: int = 0) -> bool:
    listed = [{"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "kid": str(n)} for n in range(keys)]
    text = json.dumps({"keys": listed}).encode()
    try:
        return bool(parse_jwks(text.ljust(size), {"EdDSA"}).keys)
    except KeySetError:
        return False


def turns(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "x"}] * number}


def spread(number: int, field: str = "content") -> list[dict[str, Any]]:
    """So many parts over messages, of which each has as many as it may."""
    whole, rest = divmod(number, 1_024)
    held = [[{"type": "text", "text": "x"}] * size for size in (*[1_024] * whole, rest) if size]
    return [{"role": "assistant", field: parts} for parts in held]


def results_of_tools(number: int) -> dict[str, Any]:
    """As Anthropic's Messages have them: a block with blocks, which count with it."""
    block = {"type": "tool_result", "content": [{"type": "text", "text": "x"}] * (number - 1)}
    return {"anthropic": {"messages": [{"role": "user", "content": [block]}]}}


def zeros(values: int) -> bytes:
    return b'{"a":[' + b",".join([b"0"] * (values - 2)) + b"]}"


def answers(marks: int) -> bool:
    try:
        return bool(json_of(zeros(marks + 1)))  # before the first value stands none
    except ValueError:
        return False


def replies(marks: int) -> bool:
    """Whether a client reads it; a worker sends no other."""
    head, tail = b'{"type":"chunk","id":"r","run":1,"seq":0,"delta":{"odd":[', b"0]}}"
    raw = head + b"0," * (marks - marks_in(head)) + tail
    try:
        read = bool(codec.decode_reply(raw))
    except DecodeError:
        read = False
    assert read == (reply_refusal(raw) is None)
    return read


def hears(characters: int) -> bool:
    try:
        return bool(short_news("x" * characters))
    except ValueError:
        return False


BESIDE = len(["messages", "message", "role", "content", "logit_bias"])
"""Values of a request's body beside those of a list in it."""

PROBES: Mapping[Limit, Probe] = {
    limits.BATCH: inflates,
    limits.HEADERS: lambda n: headers(*[("n", b"v")] * n),
    limits.HEADER_BYTES: lambda n: headers(("n", b"v" * (n - 1))),
    limits.NAME: lambda n: decodes(tenant="t" * n),
    limits.MESSAGES: lambda n: decodes(body=turns(n)),
    limits.PARTS: lambda n: decodes(content=[{"type": "text", "text": "x"}] * n),
    limits.ALL_PARTS: lambda n: all(
        decodes(body=body)
        for body in (
            {"messages": spread(n)},
            {"messages": spread(n, "tool_calls")},
            results_of_tools(n),
        )
    ),
    limits.VALUES: lambda n: decodes(body={"logit_bias": [0] * (n - BESIDE)}),
    limits.TOOLS: lambda n: decodes(body={"tools": [{}] * n}),
    limits.TAGS: lambda n: decodes(routing={"tags": {f"t{m}": "" for m in range(n)}}),
    limits.TAG_VALUE: lambda n: decodes(routing={"tags": {"t": "x" * n}}),
    limits.CHECKS: lambda n: (
        invalid_checks([READ.validate_python({"kind": "contains", "texts": []})] * n, {}) is None
    ),
    limits.CONTAINED_TEXTS: lambda n: usable(kind="contains", texts=["x"] * n),
    limits.PATTERN_PARTS: lambda n: usable(kind="regex", pattern=f"x{{{n - 1}}}"),
    limits.PATTERN_DEPTH: lambda n: usable(
        kind="regex", pattern="(" * (n - 1) + "x" + ")" * (n - 1)
    ),
    limits.SCHEMA_CHARACTERS: lambda n: schema(title="x" * (n - len('{"title": ""}'))),
    limits.SCHEMA_VALUES: lambda n: schema(enum=list(range(n - 2))),
    limits.SCHEMA_DEPTH: nested_schema,
    limits.SCHEMA_EXPANSION: lambda n: schema(anyOf=[True] * (n - 1)),
    limits.CHECKED_JSON: lambda n: passes('"' + "x" * (n - 2) + '"', kind="json_schema", schema={}),
    limits.CHECKED_DEPTH: lambda n: passes("[" * n + "]" * n, kind="json_schema", schema={}),
    limits.JOB_ENTRIES: lambda n: too_many_entries([uploaded()] * (n - 1)) is None,
    limits.JWKS: lambda n: key_set(size=n),
    limits.TOKEN_KEYS: lambda n: key_set(keys=n),
    limits.MESSAGE_VALUES: lambda n: isinstance(parse_json(zeros(n)), dict),
    limits.PROVIDER_MARKS: answers,
    limits.REPLY_MARKS: replies,
    limits.BREAKER_NEWS: hears,
    limits.PROVIDER_TOKENS: lambda n: token_counts(n) is not None,
    limits.CONFIG_FILE: lambda n: configured(("a: 1\n" + ("#" * 99 + "\n") * n)[:n]),
    limits.REMEMBERED_CANCELLATIONS: remembers,
    limits.EVALUATION_CASE: lambda n: imports('{"prompt": "x"}'.ljust(n)),
    limits.EVALUATION_TEXT: lambda n: imports(json.dumps({"prompt": "x", "reference": "x" * n})),
}
ELSEWHERE: Mapping[Limit, str] = {
    limits.REQUEST_SIZE: "tests/flow/test_bad_input.py",
    limits.JOB_LINES: "tests/unit/producers/jobs/test_jobs.py",
    limits.UPLOAD: "tests/unit/gateway/connections/test_upload.py",
    limits.KNOWN_JOBS: "tests/unit/gateway/jobs/test_job_index.py",
    limits.KNOWN_JOBS_SIZE: "tests/unit/gateway/jobs/test_job_index.py",
    limits.RECORD: "tests/unit/runtime/process/test_dead_letters.py",
    limits.ANSWER: "tests/flow/test_billing.py",
    limits.LAPSED_CLAIMS: "tests/flow/test_delivery.py",
    limits.OWED_ENDINGS: "tests/integration/test_once.py",
    limits.REMEMBERED_ENDINGS: "tests/unit/workers/delivery/test_known_endings.py",
    limits.PATTERN: "tests/unit/workers/checks/test_pattern_size.py",
    limits.PATTERN_MS: "tests/unit/workers/checks/test_validators.py",
    limits.CHECK_MEMORY: "tests/unit/workers/checks/test_checking_process.py",
    limits.CHECK_MS: "tests/unit/workers/checks/test_schema_check.py",
    limits.PROVIDER_BODY: "tests/contract/providers/test_odd_servers.py",
    limits.PROVIDER_ERROR: "tests/contract/providers/test_odd_servers.py",
    limits.PROVIDER_LINES: "tests/unit/workers/providers/test_sse.py",
    limits.PROVIDER_PIECES: "tests/unit/workers/providers/openai/test_stream_limits.py",
    limits.PROVIDER_HEADER: "tests/contract/providers/test_odd_servers.py",
    limits.TOKEN: "tests/unit/runtime/identity/test_verifier.py",
    limits.VERIFIED_TOKENS: "tests/unit/runtime/identity/test_verifier.py",
    limits.CONFIG_VALUES: "tests/unit/runtime/config/test_yaml_document.py",
    limits.CONFIG_DEPTH: "tests/unit/runtime/config/test_yaml_document.py",
    limits.EVALUATION_FILE: f"{EVALUATION}/data_sets/test_own_cases.py",
    limits.EVALUATION_CASES: f"{EVALUATION}/data_sets/test_own_cases.py",
    limits.HAND_LABELS: f"{EVALUATION}/storage/test_evaluation_folder.py",
    limits.METRIC_TIME: f"{EVALUATION}/running/test_evaluation_run.py",
    limits.METRIC_MEMORY: f"{EVALUATION}/running/test_evaluation_run.py",
}
"""Limits whose tests need a stage, a server or a clock."""


def test_every_limit_has_a_test() -> None:
    table = [limit for group in limits.TABLE.values() for limit in group]
    assert set(table) == PROBES.keys() | ELSEWHERE.keys()
    assert len(table) == len(PROBES) + len(ELSEWHERE)
    assert all(Path(place).is_file() for place in ELSEWHERE.values())


def test_every_limit_of_the_module_is_in_the_table() -> None:
    defined = {each for each in vars(limits).values() if isinstance(each, Limit)}
    assert defined == {limit for group in limits.TABLE.values() for limit in group}


@pytest.mark.parametrize("limit", PROBES, ids=lambda limit: limit.name)
def test_so_much_is_taken_and_no_more(limit: Limit) -> None:
    taken = PROBES[limit]
    assert taken(limit.value)
    assert not taken(limit.value + 1)


def test_a_refusal_has_the_name_and_both_numbers() -> None:
    assert limits.CHECKS.refusal(32) is None
    assert limits.CHECKS.refusal(33) == "checks of one request: 33 checks, at most 32 may be"
