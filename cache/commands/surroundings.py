"""Command surroundings: configuration file, Redis and model. What does a command run on?

The same variables and the same file as router and workers read.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cache.identity.recogniser import Recogniser
from cache.semantic.embedder import LocalEmbedder, NoEmbedder
from cache.semantic.pair_encoder import PAIR_VERSION, PairEncoder
from cache.semantic.recogniser_file import load_recogniser
from cache.semantic.verifier_file import NoVerifier, load_verifier
from cache.verification.verifier import Verifier
from runtime.config.config_file import ConfigError, read_config
from runtime.config.sections.cache import CacheSettings
from runtime.process.settings import ServiceSettings
from runtime.redis.connection_pool import connection_pool


@dataclass(eq=False)
class CommandError(Exception):
    """The command can't be carried out: what is the matter and what to do."""

    problem: str

    def __str__(self) -> str:
        return self.problem


def cache_settings(config: Path | None = None) -> CacheSettings:
    """The `cache` section of the file `config`, by default the one that SWITCHGEAR_CONFIG names.

    The defaults, when neither names one and there is no `switchgear.yaml` here. Raises CommandError
    for a file that isn't there or that router and workers would refuse.
    """
    variables = _variables()
    path = config or variables.config
    is_named = config is not None or "config" in variables.model_fields_set
    if not is_named and not path.exists():
        return CacheSettings()
    try:
        return read_config(path).cache
    except ConfigError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def redis_client(address: str | None = None) -> Redis:
    """A client of the Redis at `address`, else SWITCHGEAR_REDIS. Raises CommandError."""
    try:
        url, again = address or _variables().redis, Retry(NoBackoff(), 1)
        return Redis.from_pool(connection_pool(url, retry=again))
    except ValueError as error:
        raise CommandError(f"Redis: {error}") from None


def load_model(
    settings: CacheSettings,
) -> tuple[LocalEmbedder, Verifier, PairEncoder | None, Recogniser]:
    """The embedder, the verifier and the pair encoder that were trained on it, the recogniser.

    Raises CommandError without the first two, and where the third is broken; None: it isn't there.
    """
    try:
        embedder = LocalEmbedder(Path(settings.embedder.directory), settings.embedder.threads)
        verifier = load_verifier(settings, embedder.version)
        recogniser = load_recogniser(settings.recogniser)
        folder = Path(settings.pair_encoder.directory)
        if settings.pair_encoder.kind == "none" or not (folder / PAIR_VERSION).is_file():
            return embedder, verifier, None, recogniser
        pairs = PairEncoder(folder)
    except (NoEmbedder, NoVerifier) as error:
        raise CommandError(str(error)) from None
    is_ours = pairs.classifier.verifier == verifier.embedder
    return embedder, verifier, pairs if is_ours else None, recogniser


def _variables() -> ServiceSettings:
    try:
        return ServiceSettings()
    except ValidationError as error:
        raise CommandError(f"the environment: {error}") from None
