"""Cache composition: embedder, verifier, index and look-up by the settings and what is there."""

import logging
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from redis.asyncio import Redis

from cache.lookup import CacheLookup, SemanticStep
from cache.semantic.embedder import Embedder, LocalEmbedder, NoEmbedder, OpenAiEmbedder
from cache.semantic.pair_reader import pair_reader
from cache.semantic.second_look import second_look
from cache.semantic.vector_index import ProcessIndex, RedisIndex, VectorIndex, has_vector_sets
from cache.semantic.verifier_file import NoVerifier, load_verifier
from runtime.config.sections.cache import CacheSettings
from runtime.redis.errors import REDIS_UNAVAILABLE
from runtime.redis.pipelining import PipelineLane

_log = logging.getLogger(__name__)


async def open_lookup(
    settings: CacheSettings,
    redis: Redis | PipelineLane,
    *,
    session: aiohttp.ClientSession | None = None,
    environment: Mapping[str, str] | None = None,
) -> CacheLookup:
    """The cache; without a semantic step when its parts are missing, which is told in the log.

    redis: as CacheLookup takes it. session, environment: for an embeddings endpoint. The caller
    closes redis, session and lookup.
    """
    wanted = settings.second_look
    look = None
    if wanted.kind == "local":
        look = second_look(Path(wanted.directory), wanted.wait_ms / 1000)
    try:
        embedder = _embedder(settings, session, environment or {})
        if embedder is None:
            return CacheLookup(settings, redis, second_look=look)
        verifier = load_verifier(settings, embedder.version)
    except (NoEmbedder, NoVerifier) as error:
        _log.warning("semantic cache off, exact and canonical on: %s", error)
        return CacheLookup(settings, redis, second_look=look)
    client = redis.redis if isinstance(redis, PipelineLane) else redis
    index = await open_index(settings, client)
    reading, pairs = settings.pair_encoder, None
    if reading.kind == "local":
        wait_s = reading.wait_ms / 1000
        pairs = pair_reader(Path(reading.directory), verifier.embedder, wait_s)
    step = SemanticStep(embedder, verifier, index, pairs)
    return CacheLookup(settings, redis, step, second_look=look)


def _embedder(
    settings: CacheSettings,
    session: aiohttp.ClientSession | None,
    environment: Mapping[str, str],
) -> Embedder | None:
    wanted = settings.embedder
    match wanted.kind:
        case "none":
            return None
        case "local":
            return LocalEmbedder(Path(wanted.directory), wanted.threads)
        case "openai":
            base_url = environment.get(wanted.base_url_env)
            if session is None or not base_url:
                raise NoEmbedder(f"no embeddings endpoint: set {wanted.base_url_env}")
            key = environment.get(wanted.api_key_env)
            return OpenAiEmbedder(session, base_url, wanted.model, key)


async def open_index(settings: CacheSettings, redis: Redis) -> VectorIndex:
    """Where the vectors are, by the settings and what the server can do."""
    try:
        in_redis = settings.index == "redis" or (
            settings.index == "auto" and await has_vector_sets(redis)
        )
    except REDIS_UNAVAILABLE:
        in_redis = True  # Redis is away: assume the version that is recommended
    return RedisIndex(redis) if in_redis else ProcessIndex(redis, f"{settings.key_prefix}:log")
