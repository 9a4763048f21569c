"""What do the commands share: the configuration, the model, and how a command fails."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from redis.asyncio import Redis

from cache.commands.pairs_file import BadLine, InputLine, Pair, parse_pairs
from cache.semantic.embedder import LocalEmbedder, NoEmbedder
from cache.semantic.verifier_file import NoVerifier, load_verifier
from cache.settings import CacheSettings
from cache.verification.verifier import Verifier
from runtime.config.config_file import ConfigError, parse_config
from runtime.process.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class CacheCommand:
    """declare: adds the command's options; run: carries it out and returns the exit code."""

    help: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


@dataclass(frozen=True, slots=True)
class CommandError(Exception):
    """The command can't be carried out: what is the matter and what to do."""

    problem: str

    def __str__(self) -> str:
        return self.problem


def environment() -> ServiceSettings:
    """The variables that router and workers read too. Raises CommandError."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        raise CommandError(f"the environment: {error}") from None


def settings_of(options: argparse.Namespace) -> CacheSettings:
    """The `cache` section of the file that `--config` or SWITCHGEAR_CONFIG names.

    The defaults, when neither names one and there is no `switchgear.yaml` here. Raises CommandError
    for a file that isn't there or that router and workers would refuse.
    """
    surroundings = environment()
    path: Path = options.config or surroundings.config
    is_named = options.config is not None or "config" in surroundings.model_fields_set
    if not is_named and not path.exists():
        return CacheSettings()
    try:
        return CacheSettings.model_validate(parse_config(path.read_text(encoding="utf-8")).cache)
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise CommandError(f"{path}: {error}") from None
    except ValidationError as error:
        raise CommandError(f"{path}: cache: {error}") from None


def model_of(settings: CacheSettings) -> tuple[LocalEmbedder, Verifier]:
    """The embedder and the verifier that was trained on it. Raises CommandError without either."""
    try:
        embedder = LocalEmbedder(Path(settings.embedder.directory), settings.embedder.threads)
        return embedder, load_verifier(settings, embedder.version)
    except (NoEmbedder, NoVerifier) as error:
        raise CommandError(str(error)) from None


def read_lines(path: Path) -> list[InputLine]:
    """The lines of a file of pairs."""
    try:
        return list(parse_pairs(path.read_bytes().splitlines()))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def split(lines: list[InputLine]) -> tuple[list[Pair], list[BadLine]]:
    """The pairs, and the lines that are none."""
    good = [line for line in lines if isinstance(line, Pair)]
    return good, [line for line in lines if isinstance(line, BadLine)]


def redis_of(options: argparse.Namespace) -> Redis:
    """A client of the Redis that `--redis` or SWITCHGEAR_REDIS names. Raises CommandError."""
    try:
        return Redis.from_url(options.redis or environment().redis)
    except ValueError as error:
        raise CommandError(f"Redis: {error}") from None
