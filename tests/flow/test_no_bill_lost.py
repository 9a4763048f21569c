"""Whatever an answer holds and whatever checks it, every call of a provider is in an event.

An answer is paid for before anything looks at it, so nothing that looks at it may lose its bill.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from producers.contract import Done, Failed, Request, UsageEvent
from tests.fakes import Reports, answer
from tests.flow.stage import Stage, ask, catalog, playing
from workers.planning.request_state import PlanRules
from workers.providers.base.call_outcome import CallOutcome
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.provider import Emit

HASTY = PlanRules(patience_s=0.05, backoff_s=0.01, hedge=False, attempts=3)
ODD_TEXTS = (
    "[" * 2000,
    "[" * 2000 + "]" * 2000,
    '{"a":' * 1500 + "1" + "}" * 1500,
    "Infinity",
    "NaN",
    "1e999",
    "-1e400",
    "9" * 5000,
    '{"n": 1e999}',
    '"\\ud800"',
    "\ud800",
    "\0",
    "",
    " ",
    "{}",
    "17 of 1,000,000 in 1999, says the report [1].",
)


class _Unwritable:
    """What JSON has no word for."""


@dataclass(frozen=True)
class _Nested:
    """So many brackets; as a value of its own nobody could print it."""

    depth: int


def said(value: Any) -> Any:  # noqa: ANN401 - JSON
    """`value` with its brackets written out."""
    match value:
        case _Nested(depth=depth):
            inner: Any = 1
            for _ in range(depth):
                inner = [inner]
            return inner
        case dict():
            return {name: said(inner) for name, inner in value.items()}
        case list():
            return [said(inner) for inner in value]
        case _:
            return value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
ODD = JSON | st.builds(_Nested, st.sampled_from([300, 3000])) | st.builds(_Unwritable)
MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.sampled_from(ODD_TEXTS) | ODD},
    optional={"tool_calls": ODD, "refusal": ODD, "reasoning_content": ODD, "x": ODD},
)
CHOICES = st.lists(
    st.fixed_dictionaries(
        {"message": MESSAGES | ODD}, optional={"finish_reason": ODD, "logprobs": ODD}
    )
    | ODD,
    max_size=2,
)
BODIES = st.fixed_dictionaries(
    {"choices": CHOICES | ODD}, optional={"id": ODD, "service_tier": ODD, "usage": ODD}
)
SCHEMAS = st.sampled_from(
    [
        {"type": "object"},
        {"type": "number", "multipleOf": 0.1},
        {"properties": {"n": {"multipleOf": 3}}},
        {"items": {"$ref": "#"}},
        {"$defs": {"t": {"items": {"$ref": "#/$defs/t"}}}, "$ref": "#/$defs/t"},
        {"$ref": "#/nowhere"},
        {"uniqueItems": True, "type": "array"},
        {"enum": [1, {"a": 2}]},
    ]
)
CHECKS = st.lists(
    st.one_of(
        st.builds(lambda schema: {"kind": "json_schema", "schema": schema}, SCHEMAS),
        st.just({"kind": "regex", "pattern": "(a+)+b"}),
        st.just({"kind": "contains", "texts": ["17"]}),
        st.just({"kind": "max_length", "characters": 10}),
        st.just({"kind": "language", "language": "de"}),
    ),
    max_size=2,
)


@dataclass(frozen=True)
class Case:
    """One request and what its provider makes of it."""

    body: dict[str, Any]
    checks: list[dict[str, Any]]
    stream: bool
    model: str
    raises: bool


CASES = st.builds(
    Case,
    BODIES,
    CHECKS,
    st.booleans(),
    st.sampled_from(["auto", "economy", "standard"]),
    st.booleans(),
)


class BrokenReports(Reports):
    """A reporter with a bug."""

    def report_usage(self, event: UsageEvent, *, exported: bool) -> None:  # noqa: ARG002 the seam's
        """As the metrics did with an answer's finish reason that can't be a label."""
        raise ValueError


@dataclass
class Odd:
    """A provider that answers each request as its case says."""

    cases: dict[str, Case] = field(default_factory=dict)

    async def __call__(self, call: ProviderRequest, _emit: Emit | None) -> CallOutcome:
        """The case's body, or its bug."""
        case = self.cases[call.request_id or ""]
        if case.raises:
            raise RecursionError
        return replace(answer(), body=said(case.body))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # an example is a whole flow: to shrink one takes minutes
)
@given(st.lists(CASES, min_size=1, max_size=8), st.booleans())
def test_every_call_is_in_an_event(cases: list[Case], broken_reports: bool) -> None:  # noqa: FBT001 - drawn
    asyncio.run(_serve(cases, BrokenReports() if broken_reports else Reports()))


async def _serve(cases: list[Case], reports: Reports) -> None:
    odd = Odd()
    scripts = dict.fromkeys(["eco-a", "eco-b", "std"], odd)
    async with playing(scripts, catalog=catalog(), rules=HASTY, reporter=reports) as stage:
        requests = [_asked(case) for case in cases]
        odd.cases = {request.id: case for request, case in zip(requests, cases, strict=True)}
        replies = await asyncio.gather(*(_ended(stage, request) for request in requests))
        written = await stage.events(len(requests))
        events = {event.id.partition(":broke-")[0]: event for event in written}
        for request, reply in zip(requests, replies, strict=True):
            calls = sum(call.request_id == request.id for call in stage.calls)
            event = events[request.id]
            refused = isinstance(reply, Failed) and reply.code == "invalid_request"
            assert (calls == 0) == refused
            assert len(event.attempts) == calls
            assert event.cost_micro_usd is not None
            assert event.cost_micro_usd >= 20 * sum(a.outcome == "ok" for a in event.attempts)
            assert event.outcome == (reply.code if isinstance(reply, Failed) else "done")
        assert len(stage.events_written()) == len(requests)


def _asked(case: Case) -> Request:
    routing: Mapping[str, Any] = {"cache": {"mode": "no-store"}, "validators": case.checks}
    messages = [
        {
            "role": "system",
            "content": "Sources:\n[1] The report of 1999 counts 17 of 1,000,000. " * 3,
        },
        {"role": "user", "content": "How many?"},
    ]
    return ask(messages=messages, model=case.model, stream=case.stream, routing=routing)


async def _ended(stage: Stage, request: Request) -> Done | Failed:
    last = None
    async for part in stage.client.stream(request):
        last = part
    assert isinstance(last, Done | Failed)
    return last
