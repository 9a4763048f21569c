"""Tables of known models and provider presets: the files of this package, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict

QualityClass: TypeAlias = Literal["tiny", "small", "economy", "standard", "premium"]
"""Public standing of a model. By parameters, where nothing else is known: tiny under 1 billion,
small under 7, economy under 70."""
_FILES: Final = ("models.yaml", "providers.yaml")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retirement(_Row):
    """The day on which a model's maker stopped serving it, and what it names instead."""

    since: date
    successor: str


class KnownModel(_Row):
    """Facts about a model that hold wherever it runs. Sizes in tokens."""

    family: str
    context_window: int
    max_output: int
    capabilities: tuple[str, ...] = ()
    quality_class: QualityClass
    batch: bool = False
    cacheable_prefix: int | None = None
    names: Mapping[str, str] = {}
    retired: Mapping[str, Retirement] = {}


class BytesPerToken(_Row):
    """Of one family's tokenizer, by kind of text."""

    english: float
    """And code."""
    latin: float
    """Other languages in Latin letters."""
    alphabets: float
    """Other alphabets, such as Cyrillic."""
    unspaced: float
    """Chinese, Japanese, Korean, Thai."""


class FamilyPreset(_Row):
    """What differs at a provider for one family of models."""

    dialect: str
    base_url: str
    base_url_env: str


class ProviderPreset(_Row):
    """What the line of a deployment at this provider need not say."""

    price: str
    dialect: str
    base_url: str | None = None
    global_url: str | None = None
    publisher: str | None = None
    base_url_env: str
    api_key_env: str | None = None
    credentials: str | None = None
    self_hosted: bool = False
    zones: Mapping[str, str] = {}
    profile: Mapping[str, str] = {}
    by_family: Mapping[str, FamilyPreset] = {}


class UsualSpeed(_Row):
    """Of a class of models: seconds to the first token, and tokens per second from there on."""

    first_token_s: float
    tokens_per_s: float


class AssumedModel(_Row):
    """What is assumed of a model that neither the file nor the table describes."""

    context_window: int
    max_output: int


@dataclass(frozen=True, slots=True)
class KnownTables:
    """Both tables. as_of: the day on which the facts were looked up."""

    as_of: date
    models: Mapping[str, KnownModel]
    providers: Mapping[str, ProviderPreset]
    unknown: AssumedModel
    bytes_per_token: Mapping[str, BytesPerToken]
    """By family, as far as it is known."""
    speeds: Mapping[str, UsualSpeed]
    """By quality class; `unknown`: of a model without one."""


@cache
def known_tables() -> KnownTables:
    """The tables of this package. Reads two files: once."""
    models, providers = (_document(name) for name in _FILES)
    return KnownTables(
        as_of=date.fromisoformat(models["as_of"]),
        models={name: KnownModel.model_validate(row) for name, row in models["models"].items()},
        providers={
            name: ProviderPreset.model_validate(row) for name, row in providers["providers"].items()
        },
        unknown=AssumedModel.model_validate(models["unknown"]),
        bytes_per_token={
            family: BytesPerToken.model_validate(row)
            for family, row in models["bytes_per_token"].items()
        },
        speeds={name: UsualSpeed.model_validate(row) for name, row in models["speeds"].items()},
    )


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(files(__package__).joinpath(name).read_text("utf-8"))
    return document
