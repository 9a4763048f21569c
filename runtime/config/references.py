"""References of the configuration: places whose value must be a name that is defined elsewhere.

They are looked for in plain data, so that every undefined name is reported even where other parts
of the file can't be used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeAlias

from runtime.known.tables import known_tables

AUTO: Final = "auto"
"""The `model` of a caller who leaves the choice to the router."""

ConfigPath: TypeAlias = tuple[str, ...]
"""The keys that lead to a place in the file; the position (from 0) for an item of a list."""

_KEYS: Final = "KEYS"
_MODEL: Final = "deployments.*.model"
_REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "default_baseline": ("deployments",),
    _MODEL: ("models",),
    "tiers.*.deployments.*": ("deployments",),
    "tiers.*.next": ("tiers",),
    "tenants.*.baseline": ("deployments",),
    "policy.ordered_tier": ("tiers",),
    "policy.aliases.*": ("models", "tiers", AUTO),
    "policy.rules.*.at_least": ("tiers",),
    "policy.rules.*.at_most": ("tiers",),
    "policy.rules.*.when.tenants.*": ("tenants",),
    "policy.tasks.*.tiers.*": ("tiers",),
    f"policy.tasks.*.success.{_KEYS}": ("tiers",),
    "policy.tasks.*.validators.*.name": ("checks",),
    f"cache.tiers.{_KEYS}": ("tiers",),
    f"cache.tenants.{_KEYS}": ("tenants",),
}
"""Where a name is used, and the sections that define it. `*`: every item; KEYS: the keys."""
_MAY_BE_LEFT_OUT: Final[Mapping[str, Mapping[str, None]]] = {AUTO: {AUTO: None}, "checks": {}}
"""What sections define that the file need not have."""


@dataclass(frozen=True, slots=True)
class UndefinedName:
    """A name that is used and that nothing defines."""

    path: ConfigPath
    name: str
    suggestion: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.name!r} is not defined; {self.suggestion}"


def undefined_names(document: Mapping[str, object]) -> Iterator[UndefinedName]:
    """Every reference of `document` (the file as plain data) that leads nowhere."""
    for pattern, sections in _REFERENCES.items():
        names = _defined_names(document, sections)
        if names is None:
            continue
        for path, name in _matches(document, tuple(pattern.split("."))):
            if isinstance(name, str) and name not in names:
                yield UndefinedName(path, name, _suggestion(name, names, pattern))
    yield from _unknown_providers(document)


def _unknown_providers(document: Mapping[str, object]) -> Iterator[UndefinedName]:
    """Of deployments without an address: only a provider that is known could say it."""
    known = list(known_tables().providers)
    for name, deployment in _children(document.get("deployments")).items():
        entry = _children(deployment)
        provider = entry.get("provider")
        addressed = entry.get("base_url") or entry.get("base_url_env")
        if isinstance(provider, str) and provider not in known and not addressed:
            nearest = suggest_name(provider, known)
            hint = f"did you mean {nearest!r}? " if nearest else ""
            fix = "`switchgear models providers` lists them, one of your own needs a base_url"
            yield UndefinedName(("deployments", name, "provider"), provider, f"{hint}{fix}")


def suggest_name(name: str, names: Iterator[str] | list[str]) -> str | None:
    """The defined name that was probably meant."""
    return next(iter(get_close_matches(name, list(names), n=1)), None)


def _suggestion(name: str, names: list[str], pattern: str) -> str:
    is_model = pattern == _MODEL
    nearest = suggest_name(name, [*names, *known_tables().models] if is_model else names)
    if nearest is not None:
        hint = f"did you mean {nearest!r}?"
    else:
        hint = f"defined are: {', '.join(names)}" if names else "none is defined"
    if is_model:
        return f"{hint} (one that no table has: say `models: {{{name}: {{}}}}`)"
    return hint


def _defined_names(document: Mapping[str, object], sections: tuple[str, ...]) -> list[str] | None:
    """The names that the sections define; None when any name will do."""
    names: list[str] = []
    for section in sections:
        content = document.get(section, _MAY_BE_LEFT_OUT.get(section))
        if not isinstance(content, Mapping):
            # without a `tenants` section all are served; anything else is a mistake of its own
            return None
        names.extend(str(name) for name in content)
    return None if sections == ("tenants",) and "*" in names else names


def _matches(
    node: object, pattern: ConfigPath, path: ConfigPath = ()
) -> Iterator[tuple[ConfigPath, object]]:
    """(path, value) of every place of `node` that the pattern names."""
    if not pattern:
        yield path, node
        return
    step, *rest = pattern
    children = _children(node)
    if step == _KEYS:
        yield from (((*path, key), key) for key in children)
    elif step == "*":
        for key, child in children.items():
            yield from _matches(child, tuple(rest), (*path, key))
    elif step in children:
        yield from _matches(children[step], tuple(rest), (*path, step))


def _children(node: object) -> Mapping[str, object]:
    match node:
        case Mapping():
            return {str(key): child for key, child in node.items()}
        case list() | tuple() | frozenset():
            return {str(number): child for number, child in enumerate(node)}
        case _:
            return {}
