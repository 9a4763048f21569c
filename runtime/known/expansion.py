"""Expansion of short lines: what do the tables add to a file's models and deployments?

Works on plain data, before anything is checked, and adds only what is missing: whatever the file
says stays, mistakes included, so that they are reported in the words of the file.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from runtime.known.tables import KnownModel, KnownTables, ProviderPreset, QualityClass

Document: TypeAlias = dict[str, Any]


def expand_document(document: Mapping[str, object], known: KnownTables) -> Document:
    """`document` with its deployments' presets and its models' facts."""
    expanded = dict(document)
    deployments = document.get("deployments")
    if isinstance(deployments, Mapping):
        expanded["deployments"] = {
            name: _deployment(entry, known) for name, entry in deployments.items()
        }
    models = document.get("models")
    if models is None or isinstance(models, Mapping):
        expanded["models"] = {
            **_used_models(deployments, known),
            **{name: _model(str(name), entry, known) for name, entry in (models or {}).items()},
        }
    return expanded


def _used_models(deployments: object, known: KnownTables) -> Document:
    """The models of the deployments that the file need not define.

    Those that are known; and any on a machine of the operator's own, which serves what is loaded
    there under a name of its own.
    """
    entries = deployments.values() if isinstance(deployments, Mapping) else ()
    models: Document = {}
    for entry in entries:
        name = entry.get("model") if isinstance(entry, Mapping) else None
        if isinstance(name, str) and (name in known.models or _is_own_machine(entry, known)):
            models[name] = _model(name, None, known)
    return models


def _is_own_machine(entry: Mapping[str, object], known: KnownTables) -> bool:
    preset = known.providers.get(str(entry.get("provider")))
    return entry.get("self_hosted", preset is not None and preset.self_hosted) is True


def _model(name: str, entry: object, known: KnownTables) -> object:
    """The file's model over the table's; of one that isn't in the table, the stated defaults."""
    if not isinstance(entry, Mapping | None):
        return entry
    if name in known.models:
        return _facts(known.models[name]) | dict(entry or {})
    unknown = known.unknown
    assumed: Document = {"context_window": unknown.context_window, "max_output": unknown.max_output}
    by_size = class_by_size(name)
    if by_size is not None:
        assumed["quality_class"] = by_size
    return {"family": name} | assumed | dict(entry or {})


def _facts(model: KnownModel) -> Document:
    return {
        "family": model.family,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "capabilities": list(model.capabilities),
        "quality_class": model.quality_class,
    }


_SIZE: Final = re.compile(
    r"(?<![\w.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([mb])(?![a-z0-9])", re.IGNORECASE
)
"""Parameters in a model's name: `135m`, `0.5B`, `8x7b`."""
_BILLIONS: Final[tuple[tuple[float, QualityClass], ...]] = (
    (1, "tiny"),
    (7, "small"),
    (70, "economy"),
)
"""Below so many billions of parameters."""


def class_by_size(name: str) -> QualityClass | None:
    """The class of a model by the parameters in its name; None where it names none.

    Of several numbers the largest counts: `30b-a3b` has 30 billion, 3 of which are active.
    """
    sizes = [
        float(number) * int(experts or 1) / (1000 if unit in "mM" else 1)
        for experts, number, unit in _SIZE.findall(name[:200])
    ]
    if not sizes:
        return None
    return next((public for below, public in _BILLIONS if max(sizes) < below), "standard")


def _deployment(entry: object, known: KnownTables) -> object:
    if not isinstance(entry, Mapping):
        return entry
    preset = known.providers.get(str(entry.get("provider")))
    if preset is None:
        return dict(entry)
    model = known.models.get(str(entry.get("model")))
    filled = _preset(entry, preset, model)
    # the preset's name is the operator's word, the price book's the one that is kept
    return filled | dict(entry) | {"provider": preset.price}


def _preset(
    entry: Mapping[str, object], preset: ProviderPreset, model: KnownModel | None
) -> Document:
    family = None if model is None else preset.by_family.get(model.family)
    place = family or preset
    region, account = str(entry.get("region", "global")), str(entry.get("account", "default"))
    name = None if model is None else model.names.get(str(entry["provider"]))
    profile = _profile(name, region, preset)
    if preset.publisher is not None:
        name = _published(name or str(entry.get("model")), preset.publisher)
    address = preset.global_url if region == "global" and preset.global_url else place.base_url
    filled = {
        "dialect": place.dialect,
        "self_hosted": preset.self_hosted or None,
        "zone": profile or _by_prefix(preset.zones, region),
        "wire_model": f"{profile}.{name}" if profile else name,
    }
    if "base_url" not in entry:
        # whoever names an address of their own says how to get in there, too
        filled |= {
            "base_url": address and address.format(region=region, account=account),
            "base_url_env": place.base_url_env,
            "api_key_env": preset.api_key_env if "credentials" not in entry else None,
            "credentials": preset.credentials,
        }
    return {key: value for key, value in filled.items() if value is not None}


def _published(name: str, publisher: str) -> str:
    """The model's name with its publisher's before it."""
    return name if "/" in name else f"{publisher}/{name}"


def _profile(name: str | None, region: str, preset: ProviderPreset) -> str | None:
    """The inference profile by which Bedrock serves Anthropic's models from `region`."""
    profiled = name is not None and name.startswith("anthropic.")
    return _by_prefix(preset.profile, region) if profiled else None


def _by_prefix(values: Mapping[str, str], region: str) -> str | None:
    """The value of the longest beginning that `region` has; that of `*` when it has none."""
    begun = [prefix for prefix in values if region.startswith(prefix)]
    return values[max(begun, key=len)] if begun else values.get("*")
