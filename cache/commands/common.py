"""What do the commands share: the configuration, the model, and how a command fails."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError
from redis.asyncio import Redis

from cache.embed import LocalEmbedder, NoEmbedder
from cache.pairs import BadLine, Line, Pair, parse
from cache.settings import CacheSettings
from cache.verifier_file import NoVerifier, load_verifier
from cache.verify import Verifier


@dataclass(frozen=True, slots=True)
class Command:
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


def settings_of(options: argparse.Namespace) -> CacheSettings:
    """The file's `cache` section; the defaults when there is no file."""
    path: Path = options.config
    if not path.exists():
        return CacheSettings()
    try:
        section = (yaml.safe_load(path.read_text()) or {}).get("cache") or {}
        return CacheSettings.model_validate(section)
    except (yaml.YAMLError, ValidationError, AttributeError) as error:
        raise CommandError(f"{path}: cache: {error}") from None


def model_of(settings: CacheSettings) -> tuple[LocalEmbedder, Verifier]:
    """The embedder and the verifier that was trained on it."""
    embedder = _embedder(Path(settings.embedder.directory), settings.embedder.threads)
    try:
        return embedder, load_verifier(settings, embedder.version)
    except NoVerifier as error:
        raise CommandError(str(error)) from None


def _embedder(directory: Path, threads: int) -> LocalEmbedder:
    """Built first, if it isn't there and this is a checkout with the weights installed."""
    if not directory.exists() and Path("dev/build_embedder.py").exists():
        print(f"no embedder in {directory} yet: building it", file=sys.stderr)
        command = [sys.executable, "-m", "dev.build_embedder", "--output", str(directory)]
        subprocess.run(command, check=False)  # noqa: S603 - our own module
    try:
        return LocalEmbedder(directory, threads)
    except NoEmbedder as error:
        raise CommandError(str(error)) from None


def read_lines(path: Path) -> list[Line]:
    """The lines of a file of pairs."""
    try:
        return list(parse(path.read_bytes().splitlines()))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def split(lines: list[Line]) -> tuple[list[Pair], list[BadLine]]:
    """The pairs, and the lines that are none."""
    good = [line for line in lines if isinstance(line, Pair)]
    return good, [line for line in lines if isinstance(line, BadLine)]


def redis_of(options: argparse.Namespace) -> Redis:
    """A client of the Redis that `--redis` or SWITCHGEAR_REDIS_URL names."""
    url: str = options.redis or os.environ.get("SWITCHGEAR_REDIS_URL", "redis://localhost:6379/0")
    return Redis.from_url(url)
