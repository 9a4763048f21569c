"""AsyncAPI 3 document of the engine's topics, generated from FastStream's declarations.

The control topics are those that router and workers serve (their own declarations). The hot
topics are polled raw (docs/adr/0001), and a raw subscriber has no schema: they are declared here,
with the models that the codec decodes them by, and never started. `docs/asyncapi.json` is written
by `python -m dev.generated_docs`; a test holds it, and that no topic of the engine is missing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from faststream.kafka import KafkaBroker
from faststream.specification.asyncapi import AsyncAPI

from gateway.stored_requests.receipt import Receipt
from producers.contract import Reply, Request, TaggedRequest, UsageEvent, codec, topics
from producers.contract.batch_record import BatchRecord
from producers.contract.invalidation import Invalidation
from producers.contract.job_record import FileRecord, JobRecord
from producers.contract.message import NAME_PATTERN
from producers.settings import KafkaSettings
from router.serve.process import declare_router_control
from runtime.identity.record_guard import RecordGuard
from runtime.process.control_topics import ControlTopics
from workers.process import declare_worker_control


@dataclass(frozen=True, slots=True)
class Channel:
    """What the document says of a topic."""

    direction: Literal["receive", "send", "both"]
    """As the engine sees it; both: it writes the topic for itself, and only that is shown."""

    model: Any
    """Of a record's value: a pydantic model or a union; bytes: whatever came. None: the processes
    declare it themselves."""

    description: str
    key: str
    """What the record's key is."""

    headers: tuple[str, ...] = ()
    """Those that the engine reads or writes there; other ones travel on untouched."""


_TRACE: Final = ("traceparent", "tracestate", "baggage")
_REPLY: Final = (
    *(codec.CORRELATION_ID, codec.CONTENT_TYPE, codec.TENANT_HEADER, codec.SCHEMA_HEADER),
    codec.SPRING_CORRELATION,
    *_TRACE,
)
_ADDRESS: Final = (codec.REPLY_TO, codec.REPLY_PARTITION, codec.REPLY_CHUNKS)
_SPRING: Final = (codec.SPRING_REPLY_TOPIC, codec.SPRING_REPLY_PARTITION)
_REQUEST: Final = (*_REPLY, *_ADDRESS, codec.DEADLINE, codec.SUBMITTED, codec.SEQUENCE)
_TAGGED: Final = (*_REQUEST, codec.LATENCY, codec.ATTEMPT, codec.VISITED)
CHANNELS: Final[Mapping[str, Channel]] = {
    topics.REQUESTS: Channel(
        "receive",
        Request,
        "What callers ask: one record a request.",
        "The conversation's id, else the request's.",
        (*_REQUEST, *_SPRING),
    ),
    topics.REPLIES: Channel(
        "send",
        Reply,
        "Answers, pieces of streamed ones, and failures; or the topic that `reply_to` names.",
        "The request's id.",
        _REPLY,
    ),
    topics.STORED: Channel(
        "both",
        Receipt,
        "Receipts of requests that nobody waits for, and their replies as on `llm.replies`.",
        "The request's id.",
        (codec.TENANT_HEADER,),
    ),
    topics.tier_topic("{tier}"): Channel(
        "both",
        TaggedRequest,
        "A tier's queue: routed requests for the pools that may run anywhere.",
        "A salted hash of the prompt's prefix, the conversation's id, or the request's.",
        _TAGGED,
    ),
    topics.tier_topic("{tier}", "{zone}"): Channel(
        "both",
        TaggedRequest,
        "A tier's queue in one zone: routed requests that must not leave it.",
        "As in the tier's other queue.",
        _TAGGED,
    ),
    "llm.retry.{delay_ms}": Channel(
        "both",
        TaggedRequest,
        "Requests that wait before they are tried again.",
        "As it was in the queue that the request came from.",
        (*_TAGGED, codec.DUE, codec.TARGET),
    ),
    topics.USAGE: Channel(
        "send",
        UsageEvent,
        "What each request cost, and why: the ledger's source.",
        "The tenant.",
    ),
    topics.DEAD_LETTERS: Channel(
        "send",
        bytes,
        "Records that can't be processed, byte for byte; headers `x-dlq-…` say why and whence.",
        "The record's own.",
    ),
    topics.CACHE_INVALIDATIONS: Channel(
        "receive",
        Invalidation,
        "Cached answers to forget.",
        "Any.",
    ),
    topics.batch_topic(): Channel(
        "both",
        TaggedRequest,
        "Requests that wait for a provider's batch at half price, wherever it may run.",
        "As in the tier's queue.",
        _TAGGED,
    ),
    topics.batch_topic("{zone}"): Channel(
        "both",
        TaggedRequest,
        "Requests that wait for a provider's batch in one zone.",
        "As in the tier's queue.",
        _TAGGED,
    ),
    topics.BATCHES: Channel(
        "both",
        BatchRecord,
        "Compacted: the state of every batch at a provider.",
        "The batch's key.",
    ),
    topics.JOBS: Channel(
        "both",
        FileRecord | JobRecord,
        "Compacted: files and jobs. An empty value: it is gone.",
        "The file's or the job's id.",
    ),
    topics.FILES: Channel("both", bytes, "The bytes of files, in pieces.", "The file's id."),
    topics.JOB_REPLIES: Channel(
        "send", Reply, "Replies to the requests of jobs.", "The request's id.", _REPLY
    ),
    topics.EVALUATION_REPLIES: Channel(
        "send", Reply, "Replies to the requests of evaluations.", "The request's id.", _REPLY
    ),
    topics.FEEDBACK: Channel(
        "receive",
        None,
        "How good answers were, for the routers to learn from.",
        "The tenant.",
    ),
    topics.ROLLOUTS: Channel(
        "receive",
        None,
        "Compacted: the state of every rollout.",
        "The rollout's name.",
    ),
    topics.CANCELLATIONS: Channel(
        "receive",
        None,
        "Requests that their callers have given up, by tenant (a header). The value is empty.",
        "The request's id.",
    ),
}
PARAMETERS: Final[Mapping[str, str]] = {
    "tier": "A tier of switchgear.yaml.",
    "zone": "A zone of the tier's deployments.",
    "delay_ms": "The delay in milliseconds.",
}
_DIGITS: Final = "^[0-9]{1,15}$"
HEADERS: Final[Mapping[str, dict[str, str]]] = {
    codec.CORRELATION_ID: {"description": "The request's id.", "pattern": NAME_PATTERN},
    codec.REPLY_TO: {"description": "The topic for the reply; the tenant must be allowed it."},
    codec.REPLY_PARTITION: {
        "description": "The partition of the reply topic that the caller reads.",
        "pattern": _DIGITS,
    },
    codec.REPLY_CHUNKS: {"description": "`true`: chunks too, for callers with Spring's headers."},
    codec.SPRING_REPLY_TOPIC: {"description": "As `reply_to`, which goes before it."},
    codec.SPRING_REPLY_PARTITION: {
        "description": "As `x-reply-partition`, which goes before it; four bytes, big-endian."
    },
    codec.SPRING_CORRELATION: {"description": "Opaque bytes; each reply repeats them."},
    codec.CONTENT_TYPE: {"description": "Always `application/json`; not looked at."},
    codec.TENANT_HEADER: {"description": "The tenant, as in the body.", "pattern": NAME_PATTERN},
    codec.SCHEMA_HEADER: {"description": f"The contract's version: `{codec.SCHEMA}`."},
    codec.ATTEMPT: {"description": "How often the request was handed over.", "pattern": _DIGITS},
    codec.DEADLINE: {"description": "Unix milliseconds: no answer after.", "pattern": _DIGITS},
    codec.SUBMITTED: {"description": "Unix milliseconds of the submission.", "pattern": _DIGITS},
    codec.SEQUENCE: {"description": "Handled one after the other within a tenant."},
    codec.LATENCY: {"description": "`interactive` or `batch`: the latter waits for the former."},
    codec.VISITED: {"description": "The tiers that handed the request over, by commas."},
    codec.DUE: {"description": "Unix milliseconds: not handed on before.", "pattern": _DIGITS},
    codec.TARGET: {"description": "The topic that the record belongs to."},
    codec.TENANT_TOKEN: {
        "description": "The sender's signed token (JWT), where the operator asks who it is; "
        "with requests, cancellations, ratings and invalidations. It goes no further."
    },
    codec.REPLY_NONCE: {
        "description": "Opaque bytes; each record of the reply repeats them, so that a caller "
        "knows a reply to what it has sent itself."
    },
    codec.SIGNATURE: {
        "description": "Of what the engine's processes write for one another, by their key."
    },
    "traceparent": {"description": "W3C trace context."},
    "tracestate": {"description": "W3C trace context."},
    "baggage": {"description": "W3C baggage."},
}


def asyncapi_document() -> dict[str, Any]:
    """The whole document, as JSON."""
    control = ControlTopics(KafkaSettings.model_construct(), "switchgear", lambda _: None)
    declare_router_control(control, lambda _: None, RecordGuard(), lambda _: None)
    declare_worker_control(control, lambda _: None, RecordGuard())
    _declare_hot_topics(control.broker)
    document: dict[str, Any] = (
        AsyncAPI(
            control.broker,
            title="Switchgear",
            version=codec.SCHEMA.rpartition("/")[2],
            description="The topics of an event-driven LLM router, as its engine sees them.",
        )
        .to_specification()
        .to_jsonable()
    )
    document["components"]["schemas"]["Headers"] = {
        "type": "object",
        "properties": {name: {"type": "string", **shown} for name, shown in HEADERS.items()},
    }
    for name, declared in document["channels"].items():
        _complete(document, declared, CHANNELS[name])
    return document


def asyncapi_json() -> str:
    """The text of docs/asyncapi.json."""
    return json.dumps(asyncapi_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _declare_hot_topics(broker: KafkaBroker) -> None:
    for topic, channel in CHANNELS.items():
        if channel.model is None:
            continue
        if channel.direction == "receive":
            broker.subscriber(topic, title=topic, no_reply=True)(_handler(channel.model))
        else:
            broker.publisher(topic, title=topic, schema=channel.model)


def _handler(model: type[Any]) -> Any:  # noqa: ANN401 of any model
    async def receive(body: Any) -> None:  # noqa: ANN401
        # the broker of the document is never started, so nothing can come
        raise AssertionError(f"a {type(body).__name__} came to a broker that only declares")

    receive.__annotations__ = {"body": model, "return": None}
    return receive


def _complete(document: dict[str, Any], declared: dict[str, Any], channel: Channel) -> None:
    """Adds what FastStream's document lacks: headers, key, parameters, descriptions."""
    declared["description"] = channel.description
    names = [name for name in PARAMETERS if f"{{{name}}}" in declared["address"]]
    if names:
        declared["parameters"] = {name: {"description": PARAMETERS[name]} for name in names}
    for reference in declared["messages"].values():
        name = reference["$ref"].rpartition("/")[2]
        message = document["components"]["messages"][_unescaped(name)]
        if channel.headers:
            message["headers"] = {
                "type": "object",
                "properties": {
                    header: {"$ref": f"#/components/schemas/Headers/properties/{header}"}
                    for header in channel.headers
                },
            }
        key = {"type": "string", "description": channel.key}
        message["bindings"] = {"kafka": {"key": key, "bindingVersion": "0.4.0"}}


def _unescaped(reference: str) -> str:
    return reference.replace("%7B", "{").replace("%7D", "}").replace("~1", "/").replace("~0", "~")
