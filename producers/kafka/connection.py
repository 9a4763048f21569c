"""Kafka connection: the security settings mapped once, and consumers constructed in one way."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

from ..settings import KafkaSettings
from . import (
    client_close,
    committed_offsets,
    connection_close,
    connection_loss,
    metadata_updates,
    record_batches,
)
from .msk_token import MskToken, machine_token
from .oauth_token import ClientCredentials, FileToken, IssuedToken

# before the first client of the process: what aiokafka cannot read must not stop it, nor may a
# topic that has gone keep it busy, nor a peer that takes no leave hold up its end, nor one that
# has gone end its tasks, nor a client that is replaced keep anybody waiting
record_batches.install()
metadata_updates.install_pauses()
connection_close.install_limit()
connection_loss.install_check()
committed_offsets.install_group_errors()
client_close.install_refusal()

METADATA_MAX_AGE_MS: Final = 30_000
"""How long a partition that was added stays unseen; the library's default is five minutes."""

Begin: TypeAlias = Literal["earliest", "latest"]
"""Where a consumer begins that has no committed offset."""


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """The keyword arguments every aiokafka client takes to reach the cluster.

    Raises OSError: ssl.SSLError for a certificate or key that can't be read; for MSK without AWS
    credentials.
    """
    protocol = settings.kafka_security_protocol
    return {
        # a list: FastStream takes a text with commas for the address of one broker
        "bootstrap_servers": [address.strip() for address in settings.kafka.split(",")],
        "security_protocol": protocol,
        "ssl_context": _ssl_context(settings) if protocol.endswith("SSL") else None,
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password,
        "sasl_oauth_token_provider": _token_provider(settings),
    }


def _token_provider(settings: KafkaSettings) -> FileToken | IssuedToken | MskToken | None:
    if settings.kafka_oauth_msk_region is not None:
        return machine_token(settings.kafka_oauth_msk_region)
    if settings.kafka_oauth_token_file is not None:
        return FileToken(settings.kafka_oauth_token_file)
    if settings.kafka_oauth_token_url is None:
        return None
    return IssuedToken(
        ClientCredentials(
            settings.kafka_oauth_token_url,
            settings.kafka_oauth_client_id or "",
            settings.kafka_oauth_client_secret or "",
            settings.kafka_oauth_scope,
        )
    )


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.kafka_ssl_ca)
    context.check_hostname = settings.kafka_ssl_check_hostname
    if settings.kafka_ssl_certificate is not None:
        # without a password OpenSSL would ask for one on the terminal
        context.load_cert_chain(
            settings.kafka_ssl_certificate,
            settings.kafka_ssl_key,
            settings.kafka_ssl_key_password or "",
        )
    return context


async def start_consumer(  # noqa: PLR0913 what a consumer can be told
    settings: KafkaSettings,
    *topics: str,
    begin: Begin,
    client_id: str,
    group: str | None = None,
    listener: ConsumerRebalanceListener | None = None,
    pattern: str | None = None,
    **tuning: int | str,
) -> AIOKafkaConsumer:
    """A consumer that has joined: of all partitions of `topics`, or as a member of `group`.

    pattern: a regular expression of topics in the place of names; a new one that fits is seen after
    METADATA_MAX_AGE_MS.

    tuning: further options of aiokafka's. The caller stops it. Raises KafkaError.
    """
    consumer = AIOKafkaConsumer(
        **connection_options(settings),
        client_id=client_id,
        group_id=group,
        # the default commits what was polled, done or not: a crash would lose it
        enable_auto_commit=False,
        auto_offset_reset=begin,
        fetch_max_wait_ms=settings.kafka_fetch_max_wait_ms,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        **tuning,
    )
    if topics or pattern is not None:
        consumer.subscribe(topics, pattern=pattern, listener=listener)
    try:
        await consumer.start()
    except BaseException:
        await consumer.stop()
        raise
    return consumer


@asynccontextmanager
async def consuming(
    settings: KafkaSettings,
    *topics: str,
    begin: Begin,
    client_id: str,
    group: str | None = None,
) -> AsyncIterator[AIOKafkaConsumer]:
    """As `start_consumer`, until the context is left."""
    consumer = await start_consumer(
        settings, *topics, begin=begin, client_id=client_id, group=group
    )
    try:
        yield consumer
    finally:
        await consumer.stop()
