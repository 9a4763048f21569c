from decimal import Decimal
from typing import Any

import pytest

from observability.evaluation.grading.answered_call import AnsweredCall
from observability.evaluation.grading.metric import read_metric
from observability.evaluation.grading.plain_grades import Graded, Ungradable
from observability.evaluation.running.answer_grader import AnswerGrader, GradingTools
from observability.evaluation.storage.evaluation_folder import FolderError
from observability.price_lists import load_price_book
from producers import chat
from producers.contract import Request, Usage
from runtime.config.catalog import Catalog
from runtime.config.config_file import parse_config
from runtime.config.pricing import Pricing
from switchgear.evaluation.surroundings import (
    DearestPrice,
    consent_of,
    grading_tools,
    prompt_variants,
    request_readers,
    searches_the_web,
    still_allowed,
)
from tests.unit.observability.evaluation.evaluation_fakes import call, case

FILE = """
default_baseline: mini
deployments:
  mini: {model: gpt-4o-mini, provider: openai}
  mini-eu: {model: gpt-4o-mini, provider: azure, account: a, region: swedencentral, zone: eu}
  own: {model: mistral-nemo, provider: vllm, zone: eu}
tiers: {economy: {deployments: [mini, mini-eu, own]}}
tenants:
  open: {evaluation: allowed}
  own: {evaluation: self-hosted only, residency: [eu]}
  shut: {evaluation: no}
  "*": {}
policy:
  tasks: {sums: {validators: [{kind: contains, texts: ["4"]}]}}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse_config(FILE)


@pytest.fixture(scope="module")
def tools(catalog: Catalog) -> GradingTools:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return grading_tools(catalog, schema)


@pytest.mark.parametrize(
    ("tenant", "consent"),
    [("open", "allowed"), ("own", "self-hosted only"), ("shut", "no"), ("stranger", "no")],
)
def test_nobody_is_evaluated_unasked(catalog: Catalog, tenant: str, consent: str) -> None:
    assert consent_of(catalog, tenant) == consent


def test_consent_and_residency_are_held_again_on_the_day_of_the_run(catalog: Catalog) -> None:
    recorded = [
        case("a", tenant="open", residency=("us",)),
        case("b", tenant="own", residency=("eu", "us")),
        case("c", tenant="own", residency=("us",)),
        case("d", tenant="shut"),
        case("e", tenant="own"),
    ]
    allowed = {each.id: each for each in still_allowed(catalog, recorded)}
    assert set(allowed) == {"a", "b", "e"}
    assert (allowed["a"].residency, allowed["a"].self_hosted_only) == (("us",), False)
    assert (allowed["b"].residency, allowed["b"].self_hosted_only) == (("eu",), True)
    assert allowed["e"].residency == ("eu",)


def test_forms_are_those_of_the_cache(catalog: Catalog) -> None:
    readers = request_readers(catalog)

    def form(text: str, **fields: Any) -> str:  # noqa: ANN401 - of a chat
        return readers.form_of(chat(text, tenant="open", **fields))

    assert form("What is Kafka?") == form(" what is Kafka ")
    assert form("What is Kafka?") != form("What is kafka?")
    assert form("What is Kafka?") != form("What is Kafka?", max_tokens=3)
    assert readers.zones_of(chat("x", tenant="own", routing={"residency": ["us"]})) == ()
    assert readers.zones_of(chat("x", tenant="open")) is None


def asked(text: str, model: str = "gpt-4o-mini", **fields: Any) -> Request:  # noqa: ANN401
    return chat(text, tenant="open", model=model, **fields)


def test_the_bound_is_above_every_bill(catalog: Catalog) -> None:
    """Six attempts, each with a token for every byte, at the dearest deployment."""
    request, pricing = asked("word " * 200, max_tokens=100), Pricing(load_price_book())
    usage = Usage(input_uncached=1_000, output=100)
    bills = [
        pricing.price_of(deployment, usage) or Decimal(0)
        for deployment in catalog.deployments.values()
        if deployment.model == "gpt-4o-mini"
    ]
    bound = DearestPrice(catalog, batch=False)(request)
    assert max(bills) * 6 < bound < max(bills) * 20
    assert DearestPrice(catalog, batch=True)(request) > bound


def test_each_of_several_answers_is_in_the_bound(catalog: Catalog) -> None:
    price = DearestPrice(catalog, batch=False)
    each = price(asked("x", max_tokens=10_000))
    assert price(asked("x", max_tokens=10_000, n=20)) > 19 * each


@pytest.mark.parametrize(
    "fields",
    [
        {"web_search_options": {}},
        {"tools": [{"type": "web_search_preview"}]},
        {"anthropic": {"messages": [{}], "tools": [{"type": "web_search_20250305"}]}},
    ],
)
def test_what_has_no_upper_price_is_known(fields: dict[str, Any]) -> None:
    assert searches_the_web(asked("x", **fields).body)
    own = {"type": "function", "function": {"name": "web_search"}}
    assert not searches_the_web(asked("x", tools=[own]).body)


def test_without_a_price_there_is_no_cap(catalog: Catalog) -> None:
    with pytest.raises(FolderError, match="give the deployment a `price`"):
        DearestPrice(catalog, batch=False)(asked("x", "mistral-nemo"))


@pytest.mark.parametrize(
    ("metric", "fields", "answer", "grade"),
    [
        ("regex:[a-z]+", {}, "abc", Graded(good=True)),
        ("regex:[a-z]+", {}, "abc1", Graded(good=False)),
        ("regex", {"reference": "a|b"}, "b", Graded(good=True)),
        ("validators", {"task": "sums"}, "it is 4", Graded(good=True)),
        ("validators", {"task": "sums"}, "it is 5", Graded(good=False)),
        ("validators", {}, "it is 5", Ungradable("nothing to check")),
        ("json-schema", {}, '{"a": 1}', Graded(good=True)),
        ("json-schema", {}, '{"a": "x"}', Graded(good=False, format_error=True)),
        ("json-schema", {}, "no", Graded(good=False, format_error=True)),
        ("regex:(a+)+b", {}, "a" * 5_000, Graded(good=False)),
    ],
)
async def test_checks_are_the_workers_own(
    tools: GradingTools, metric: str, fields: dict[str, Any], answer: str, grade: object
) -> None:
    grader = AnswerGrader(read_metric(metric), tools)
    assert await grader.grade(case("a", **fields), said(answer)) == grade


def said(answer: str) -> AnsweredCall:
    return call(text=answer, message={"role": "assistant", "content": answer})


PROMPTS: str = """
prompts:
  short:
    written_for: claude
    system: Be brief.
    variants: {mistral: {versions: {1: "Brief!"}}}
"""


def test_a_candidate_may_have_a_variant_of_the_system_prompt() -> None:
    catalog = parse_config(FILE + PROMPTS)
    named = ("gpt-4o-mini", "mistral-nemo#short:1")
    assert prompt_variants(catalog, named) == {"mistral-nemo#short:1": "Brief!"}
    for variant in ("gpt-4o-mini#short:1", "mistral-nemo#short:2", "mistral-nemo#long:1"):
        with pytest.raises(FolderError, match="no version"):
            prompt_variants(catalog, (variant,))
