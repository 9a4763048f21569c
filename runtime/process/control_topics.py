"""Control topics: FastStream subscribers for what every process must hear, such as cancellations.

Each process reads all partitions, without a group, from some time back: it must know what was said
before it began, and nobody may take a message away from another. A message that can't be read is
skipped, counted and logged without its content. Nothing is committed and nothing is published.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self, TypeAlias, TypeVar

from aiokafka import ConsumerRecord
from faststream import AckPolicy, BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.message import StreamMessage
from faststream.security import (
    BaseSecurity,
    SASLOAuthBearer,
    SASLPlaintext,
    SASLScram256,
    SASLScram512,
)
from pydantic import BaseModel

from producers.contract.topics import is_beside
from producers.contract.wire_format import unframed, unknown_version
from producers.json_values import too_many_values
from producers.kafka.aiokafka_broker import to_record
from producers.kafka.broker import Record
from producers.kafka.connection import METADATA_MAX_AGE_MS, connection_options
from producers.settings import KafkaSettings
from runtime import limits
from runtime.process.dead_letters import crash_detail

_log: Final = logging.getLogger(__name__)
_framework_log: Final = logging.getLogger(f"{__name__}.faststream")
# it warns at each start that it creates no topics: `topics_admin` does
_framework_log.setLevel(logging.ERROR)

_M = TypeVar("_M", bound=BaseModel)
Admit: TypeAlias = Callable[[Record, _M], Awaitable[None]]
"""Raises ValueError for a message that its sender may not send."""
AdmitRaw: TypeAlias = Callable[[Record], Awaitable[Record]]
"""The record as it counts. Raises ValueError for one that its sender may not send."""
_Raw: TypeAlias = ConsumerRecord[bytes | None, bytes | None]


class ControlTopics:
    """The control topics that one process follows while the context is open."""

    def __init__(
        self, settings: KafkaSettings, client_id: str, report_skipped: Callable[[str], None]
    ) -> None:
        """report_skipped: gets the topic of a message that couldn't be read or handled."""
        options = connection_options(settings)
        self._fetch_max_wait_ms = settings.kafka_fetch_max_wait_ms
        self._report_skipped = report_skipped
        self._since_s: dict[str, float] = {}
        self._begun_s = 0.0
        self.broker: Final = KafkaBroker(
            options["bootstrap_servers"],
            security=framework_security(options),
            # its class for OAUTHBEARER drops the provider
            sasl_oauth_token_provider=options["sasl_oauth_token_provider"],
            client_id=client_id,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            # neither a producer nor an admin client, so read rights are enough
            consumer_only=True,
            middlewares=[partial(_Guard, self)],
            logger=_framework_log,
            log_level=logging.DEBUG,
        )
        """With the declarations of what runs: the AsyncAPI document is made from them."""

    def subscribe(
        self,
        topic: str,
        message: type[_M],
        handle: Callable[[_M], None],
        *,
        since_s: float,
        admit: Admit[_M] | None = None,
    ) -> None:
        """Has `handle` called with each message of `topic`. since_s, admit: see `subscribe_raw`."""

        async def receive(body: Any) -> None:  # noqa: ANN401 `message`, which the document shows
            handle(body)

        async def decode(raw: StreamMessage[Any], _: object) -> _M:
            # whatever content-type the sender wrote: a value of the contract is JSON
            record = to_record(raw.raw_message)
            problem = unknown_version(record.headers)
            if problem is not None:
                raise ValueError(problem)
            body = unframed(raw.body)
            if too_many_values(body, limits.MESSAGE_VALUES.value):
                raise ValueError(f"it has more than {limits.MESSAGE_VALUES.value:,} values")
            decoded = message.model_validate_json(body)
            if admit is not None:
                await admit(record, decoded)
            return decoded

        receive.__annotations__ = {"body": message, "return": None}
        for declaration in self._declare(topic, since_s, by_tenant=admit is not None):
            declaration(receive, decoder=decode)

    def subscribe_raw(
        self,
        topic: str,
        handle: Callable[[Record], None],
        *,
        since_s: float,
        admit: AdmitRaw | None = None,
    ) -> None:
        """As `subscribe`, where the record's key says it all and its value is empty.

        since_s: begin with the records of so many seconds before, as far as they are kept. admit:
        looks at each record first, also at those of tenants' own topics; None takes all.
        """

        async def receive(message: KafkaMessage) -> None:
            assert isinstance(message.raw_message, ConsumerRecord)  # noqa: S101 no batch is declared
            record = to_record(message.raw_message)
            handle(record if admit is None else await admit(record))

        async def decode(raw: StreamMessage[Any], _: object) -> object:
            return raw.body

        for declaration in self._declare(topic, since_s, by_tenant=admit is not None):
            declaration(receive, decoder=decode)

    async def __aenter__(self) -> Self:
        """Raises KafkaError."""
        self._begun_s = time.time()
        try:
            await self.broker.start()
        except BaseException:
            await self.broker.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.broker.stop()

    def too_old(self, record: _Raw) -> bool:
        """Whether the record lies before the time from which its topic is read.

        The consumer begins at the oldest record, since FastStream can't seek by time.
        """
        shared = next(name for name in self._since_s if is_beside(record.topic, name))
        oldest_ms = (self._begun_s - self._since_s[shared]) * 1000
        return bool(record.timestamp < oldest_ms)

    def skip(self, record: _Raw, error: Exception) -> None:
        """Counts and logs a message that can't be read, without its content."""
        self._report_skipped(record.topic)
        place = record.topic, record.partition, record.offset
        _log.warning("skipped %s, partition %d, offset %d: %s", *place, crash_detail(error))

    def _declare(self, topic: str, since_s: float, *, by_tenant: bool) -> Iterator[Any]:
        """FastStream's decorators for a topic and, if wanted, for tenants' own beside it."""
        self._since_s[topic] = since_s
        yield self.broker.subscriber(topic, title=topic, **self._options())
        if by_tenant:
            theirs = f"{topic}.{{tenant}}"
            yield self.broker.subscriber(pattern=theirs, title=theirs, **self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "auto_offset_reset": "earliest",
            # the default policy commits what was polled
            "ack_policy": AckPolicy.MANUAL,
            # a sender's `reply_to` header would have us write to any topic
            "no_reply": True,
            "parser": _parse,
            "fetch_max_wait_ms": self._fetch_max_wait_ms,
        }


class _Guard(BaseMiddleware[Any, Any]):
    """Stands between a record and its handler: drops the too old, survives the unreadable."""

    def __init__(self, topics: ControlTopics, message: _Raw, /, *, context: Any) -> None:  # noqa: ANN401
        super().__init__(message, context=context)
        self._topics = topics

    async def consume_scope(
        self, call_next: Callable[[StreamMessage[Any]], Any], msg: StreamMessage[Any]
    ) -> Any:  # noqa: ANN401 the handler's
        return None if self._topics.too_old(msg.raw_message) else await call_next(msg)

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,  # noqa: ARG002 FastStream's signature
        exc_val: BaseException | None = None,
        exc_tb: object = None,  # noqa: ARG002
    ) -> bool:
        """True: the error ends here. FastStream would log its words, which may quote the value."""
        if isinstance(exc_val, Exception):
            self._topics.skip(self.msg, exc_val)
            return True
        return False


async def _parse(record: _Raw, parse: Callable[[_Raw], Any]) -> StreamMessage[Any]:
    # FastStream decodes every header, and loses the record for one that is null or not UTF-8
    readable = [(name, value) for name, value in record.headers if _is_text(value)]
    message: StreamMessage[Any] = await parse(replace(record, headers=tuple(readable)))
    return message


def _is_text(value: bytes | None) -> bool:
    try:
        return value is not None and value.decode() is not None
    except UnicodeDecodeError:
        return False


def framework_security(options: dict[str, Any]) -> BaseSecurity:
    """FastStream's words for our one mapping of security settings, `connection_options`."""
    protocol: str = options["security_protocol"]
    encryption = {"ssl_context": options["ssl_context"], "use_ssl": protocol.endswith("SSL")}
    if not protocol.startswith("SASL_"):
        return BaseSecurity(**encryption)
    account = options["sasl_plain_username"], options["sasl_plain_password"]
    match options["sasl_mechanism"]:
        case "PLAIN":
            return SASLPlaintext(*account, **encryption)
        case "SCRAM-SHA-256":
            return SASLScram256(*account, **encryption)
        case "SCRAM-SHA-512":
            return SASLScram512(*account, **encryption)
        case "OAUTHBEARER":
            return SASLOAuthBearer(**encryption)
        case mechanism:
            raise ValueError(f"SASL mechanism {mechanism!r} isn't mapped")
