"""Erasing: the person's requests are looked up in the log, then every store forgets them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from cache.commands.surroundings import CommandError, cache_settings, redis_client
from observability.evaluation.storage.evaluation_folder import EvaluationFolder
from observability.ledger.ledger import Ledger
from observability.ledger.stores.selection import ledger_at
from observability.settings import ObservabilitySettings
from producers.jobs.job_log import LogUnreadableError, scan_topic
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Publisher, PublishFailedError
from producers.settings import KafkaSettings
from runtime.redis.errors import REDIS_UNAVAILABLE
from switchgear.personal_data.erasers import (
    CacheEraser,
    EvaluationEraser,
    FileEraser,
    LedgerEraser,
    RedisEraser,
)
from switchgear.personal_data.erasure import Erased, Person, PersonEraser
from switchgear.personal_data.kafka_traces import TopicRetention, requests_of, retentions

Outcome = tuple[Person, list[Erased], list[TopicRetention]]


@dataclass(frozen=True, slots=True)
class ErasePlaces:
    """Where content may lie beside Kafka and Redis. ledger: None is the environment's."""

    ledger: str | None
    evaluations: Path
    files: bool
    """Whether files of jobs go, too."""


async def erase_person(
    tenant: str, user: str, places: ErasePlaces, *, really: bool, config: Path | None
) -> Outcome:
    """really: else it is only counted. Raises CommandError for a store that is away.

    What was forgotten before a store failed stays forgotten: run it again.
    """
    settings = KafkaSettings()
    account = ledger_at(places.ledger or ObservabilitySettings().ledger.get_secret_value())
    try:
        async with redis_client() as redis, KafkaBroker(settings, "switchgear-erase") as broker:
            scan = partial(scan_topic, settings)
            person = Person(tenant, user, await requests_of(scan, tenant, user))
            parts = _Parts(redis, broker, account, config, settings, places)
            erased = [await each.erase(person, really=really) for each in parts.erasers()]
            kept = await retentions(settings, time.time_ns() // 1_000_000)
    except REDIS_UNAVAILABLE as error:
        raise CommandError(f"Redis: {error}") from None
    except (KafkaError, LogUnreadableError, PublishFailedError) as error:
        raise CommandError(f"Kafka: {error}") from None
    return person, erased, kept


class _Parts:
    """The stores of this installation."""

    def __init__(
        self,
        redis: Redis,
        publisher: Publisher,
        ledger: Ledger,
        config: Path | None,
        settings: KafkaSettings,
        places: ErasePlaces,
    ) -> None:
        self._redis = redis
        self._publisher = publisher
        self._ledger = ledger
        self._config = config
        self._settings = settings
        self._places = places

    def erasers(self) -> Iterator[PersonEraser]:
        """One for each store. A new store of content belongs here."""
        yield CacheEraser(self._redis, cache_settings(self._config))
        yield RedisEraser(self._redis)
        yield FileEraser(partial(scan_topic, self._settings), self._publisher, self._places.files)
        yield LedgerEraser(self._ledger)
        yield EvaluationEraser(EvaluationFolder(self._places.evaluations))
