"""Readers of records: requests on their way, replies, control messages, dead letters, batches."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException
from pydantic import ValidationError

from cache.identity.cacheable import retention_of
from cache.identity.terms import LookupTerms, lookup_terms
from cache.semantic.recogniser_file import load_recogniser
from cache.verification.detail_guard import objections
from dev.fuzz_readers.corpus import headers_in
from dev.fuzz_readers.running import Steps
from gateway.jobs.job_index import JobIndex
from gateway.stored_requests.index import StoredIndex
from gateway.stored_requests.receipt import call_of, read_receipt
from gateway.webhook_rules.notice import read_attempt
from observability.evaluation.rollout.rollout_record import RolloutRecord
from observability.grounding.groundedness import context_of, context_support
from observability.ledger.ingest import batch_of
from observability.price_lists import load_price_book
from observability.tracing.tracer import Tracer, TracingSettings
from observability.tracing.w3c_context import tenant_of, with_tenant
from producers.contract import Request, Route, Validator, codec, topics
from producers.contract.codec import DecodeError
from producers.contract.feedback import Feedback
from producers.contract.invalidation import Invalidation
from producers.inbox import Inbox
from producers.json_values import too_many_values
from producers.kafka.aiokafka_broker import MOST_HEADERS
from producers.kafka.broker import Partition, Record
from producers.kafka.record_batches import Batches
from router.decide import policy, success_model
from router.decide.partition_key import prefix_hash, record_key
from router.decide.rollout_arm import ActiveRollouts, draw
from router.decide.tier_candidates import RoutingConfig
from router.learn.outcome_store import OutcomeStore
from router.serve.claimed_id import claimed_id
from router.serve.headers import read_request_headers
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.serve.record_checks import crowded_headers
from router.text.features import extract_features
from runtime import limits
from runtime.config.catalog import Catalog, Model, PromptAdaptation
from runtime.config.config_file import check_config, read_config
from runtime.config.pricing import Pricing
from runtime.config.prompt_table import PromptTable
from runtime.config.sections.prompts import PromptVariants, SystemPrompt
from runtime.consuming.headers import LaneRules
from runtime.process.dead_letters import (
    DeadLetterIndex,
    dead_letter,
    read_dead_letter,
    replay_records,
    shortened,
)
from runtime.rollouts.controller import RolloutController
from workers.batching.pool.process import receive_batch
from workers.batching.state.batch_table import BatchTable
from workers.checks.foreign_check import ForeignCheck, is_small, run_here
from workers.checks.pattern_size import too_large
from workers.delivery.cancellations import Cancellations
from workers.delivery.request_identity import identity_of
from workers.delivery.work_item import read_work_item, with_lawful_reply
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.prompt_adaptation import adapt_prompt
from workers.providers.registry import dialect_of
from workers.tokens.estimate import prompt_size

_NOW_MS: Final = 1_790_000_000_000
_SMALL_CHECK_S: Final = 0.5
_LONGEST_ON_LOOP: Final = 6_000
_EARLIER: Final = "What is the capital of France, and how many people lived there in 2020?"


def record(value: bytes, headers: Any = (), topic: str = "llm.requests") -> Record:  # noqa: ANN401
    """A record with these bytes, and of its headers those that `to_record` keeps."""
    kept = headers[:MOST_HEADERS]
    return Record(Partition(topic, 0), 7, value[:64], value, kept, _NOW_MS)


@cache
def catalog() -> Catalog:
    """That of the repository."""
    return read_config(Path("switchgear.yaml"))


@cache
def _routing() -> RoutingConfig:
    return routing_config(catalog(), Pricing(load_price_book()), default_model(), _outcomes())


@cache
def _outcomes() -> OutcomeStore:
    return OutcomeStore()


@cache
def _tracer() -> Tracer:
    return Tracer("fuzz", _NoSpans(), TracingSettings(sample_ratio=1.0))


class _NoSpans:
    def on_end(self, span: object) -> None:
        """Nobody looks at it."""


def read_request(data: bytes) -> object:
    """Router: decoded, judged, routed; then what the worker's side makes of it."""
    try:
        request = codec.decode_request(data)
    except DecodeError as error:
        claimed_id(record(data))
        return str(error)
    features = extract_features(request)
    scores = success_model.score_features(features, _routing().model)
    decision = policy.choose_route(request, features, scores, _routing(), budget_used=0.5)
    prefix = prefix_hash(request, features.system_tokens)
    record_key(request, prefix, 0.5, 12)
    if isinstance(decision, Route):
        tagged = read_work_item(record(codec.encode_tagged(decision, data)))
        with_lawful_reply(tagged, catalog())
        _serve(request, decision)
    return decision


def _serve(request: Request, route: Route) -> None:
    """What a worker does with a request before and after its call."""
    identity_of(request)
    prompt_size(request.body)
    settings = catalog().cache
    cached = settings.policy(request.tenant, route.tier, request.routing.task)
    terms = lookup_terms(request, route, cached, settings, _NOW_MS)
    if isinstance(terms, LookupTerms):
        asked = terms.question.text
        retention_of(asked, cached, load_recogniser(), about=terms.about, has_history=False)
        if asked is not None:
            objections(asked[:2_000], _EARLIER)
    adapt_prompt(request.body, _plain_model(), _prompts())
    context = context_of(request.body.messages)
    if context is not None:  # a longer one is looked at on a thread
        context_support("An answer of 42 by Ada Lovelace.", context[:_LONGEST_ON_LOOP])
    for check in request.routing.validators:
        _check(check)
    for name, deployment in catalog().deployments.items():
        if name in _DIALECTS:
            sent = ProviderRequest(
                deployment, catalog().models[deployment.model], request.body, 10.0, 5.0
            )
            dialect_of(deployment).encode_request(sent, stream=bool(request.body.stream))


@cache
def _plain_model() -> Model:
    return Model(family="plain", context_window=9_999, prompt=PromptAdaptation(system_prefix="P."))


@cache
def _prompts() -> PromptTable:
    variants = {"plain": PromptVariants(use=1, versions={1: "Answer briefly."})}
    prompt = SystemPrompt(written_for="gpt", system="You are terse.", variants=variants)
    return PromptTable({"terse": prompt})


def _check(check: Validator) -> None:
    """What isn't small is run in another process."""
    if check.kind == "regex":
        too_large(check.pattern)
    elif check.kind == "json_schema":
        job = ForeignCheck("schema", check.json_schema, None)
        if is_small(job):
            run_here(job, _SMALL_CHECK_S)


@cache
def _one_of_each_dialect() -> frozenset[str]:
    chosen: dict[str, str] = {}
    for name, deployment in catalog().deployments.items():
        chosen.setdefault(str(deployment.dialect), name)
    return frozenset(chosen.values())


_DIALECTS: Final = _one_of_each_dialect()


def read_tagged(data: bytes) -> object:
    """Worker: a record of a tier's queue."""
    try:
        return with_lawful_reply(read_work_item(record(data)), catalog())
    except DecodeError as error:
        return str(error)


def read_headers(data: bytes) -> Steps:
    """Any headers on any record: of requests, of tiers, of dead letters, of traces."""
    headers: Any = headers_in(data)
    request = record(b"{}", headers)
    yield
    read_request_headers(request)
    crowded_headers(request)
    LaneRules(catalog).lane(request)
    trace = _tracer().begin_trace("route", request.headers, tenant="t")
    trace.headers()
    trace.end()
    for name, value in request.headers:
        if name == "baggage" and value is not None:
            tenant_of(value.decode("latin-1"))
            with_tenant(value.decode("latin-1"), "t")
    outgoing = dead_letter(request, "invalid_request", "why")
    yield  # an operator's command reads what a router or a worker has buried
    shortened(outgoing)
    letters = DeadLetterIndex()
    letters.add(request)
    letters.all()
    read_dead_letter(request)
    with suppress(ValueError):
        replay_records(replace(request, headers=outgoing.headers))


def read_reply(data: bytes) -> None:
    """Client: a record of a reply topic."""
    inbox = Inbox()
    try:
        inbox.put(codec.decode_reply(data))
    except DecodeError as error:
        inbox.put(error)


class _Polled:
    """A consumer's record, as the ledger gets it."""

    topic, partition, offset = "llm.usage", 0, 7

    def __init__(self, value: bytes) -> None:
        self.value = value


def read_usage(data: bytes) -> None:
    """Ledger: a record of the usage topic."""
    polled: Any = {TopicPartition("llm.usage", 0): [_Polled(data)]}
    batch_of(polled)


def _crowded(data: bytes) -> bool:
    """As `ControlTopics` asks before it parses."""
    return too_many_values(data, limits.MESSAGE_VALUES.value)


def read_feedback(data: bytes) -> None:
    """Router: a record of the feedback topic."""
    if _crowded(data):
        return
    try:
        feedback = Feedback.model_validate_json(data)
    except ValidationError:
        return
    _outcomes().record_feedback(feedback, catalog().policy.learning)


def read_cancellation(data: bytes) -> None:
    """Worker: a record of the cancellation topic; its key is half of the input."""
    half = len(data) // 2
    cancelled = Record(
        Partition("llm.cancellations", 0), 1, data[:half], b"", [("x-tenant", data[half:])], _NOW_MS
    )
    try:
        Cancellations().receive(cancelled)
    except ValueError:
        return


def read_invalidation(data: bytes) -> None:
    """Worker: a record of the invalidation topic."""
    if _crowded(data):
        return
    try:
        Invalidation.model_validate_json(data)
    except ValidationError:
        return


def read_job_log(data: bytes) -> None:
    """Gateway: a record of the jobs' topic; what it raises for junk is counted there."""
    with suppress(ValueError):
        JobIndex().receive_entry(record(data, topic=topics.JOBS))


def read_stored(data: bytes) -> None:
    """Gateway: a record of the stored replies' topic, a receipt, a reply or a webhook's attempt."""
    written = record(data, [(codec.TENANT_HEADER, b"t")], topics.STORED)
    with suppress(ValueError):
        read_attempt(data)
    with suppress(ValueError):
        StoredIndex(1_000).add(written)
    with suppress(ValueError, TypeError):  # TypeError: fields of another version
        call_of(read_receipt(data).call)


def read_rollout(data: bytes) -> Steps:
    """Router and rollout controller: a record of the rollouts' topic, and what is made of it."""
    if _crowded(data):
        return
    try:
        rollout = RolloutRecord.model_validate_json(data)
    except ValidationError:
        return
    arms = ActiveRollouts()
    arms.take(rollout)
    draw(_asked(), rollout.salt)
    yield
    controller = RolloutController(lambda _: None)
    controller.take(rollout, _NOW_MS)
    list(controller.look(_NOW_MS))


@cache
def _asked() -> Request:
    return codec.decode_request(
        b'{"id":"1","tenant":"t","body":{"messages":[{"role":"user","content":"Hi"}]}}'
    )


def read_batch_record(data: bytes) -> None:
    """Batch pool: a record of the batches' topic."""
    receive_batch(BatchTable(), record(data, topic=topics.BATCHES))


def read_batch(data: bytes) -> None:
    """Every consumer: the answer to a fetch. What aiokafka calls corrupt, it reports itself."""
    batches = Batches(data)
    try:
        while batches.has_next():
            batch = batches.next_batch()
            if batch is not None:
                for entry in batch:
                    assert entry.offset is not None
    except CorruptRecordException:
        return


def read_configuration(data: bytes) -> None:
    """Every process: the configuration file."""
    check_config(data.decode("utf-8", "replace"))


CONTRACT_READERS: Final[Mapping[str, Any]] = {
    "request": (read_request,),
    "tagged": (read_tagged,),
    "headers": (read_headers,),
    "reply": (read_reply,),
    "usage": (read_usage,),
    "feedback": (read_feedback,),
    "cancellation": (read_cancellation,),
    "invalidation": (read_invalidation,),
    "job_log": (read_job_log,),
    "stored": (read_stored,),
    "rollout": (read_rollout,),
    "batch_record": (read_batch_record,),
    "batch": (read_batch,),
    "configuration": (read_configuration,),
}
