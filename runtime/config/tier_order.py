"""Order of the tiers: chains of `next` that lead back, and rules that no tier can satisfy.

Looked for in plain data, as undefined names are, so that the mistake has its line whatever else is
wrong with the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runtime.config.references import ConfigPath


@dataclass(frozen=True, slots=True)
class TierOrderMistake:
    """A place whose tier can't stand where it stands."""

    path: ConfigPath
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.what}; {self.fix}"


def tier_order_mistakes(document: Mapping[str, object]) -> Iterator[TierOrderMistake]:
    """Every mistake of order in `document` (the file as plain data)."""
    tiers = document.get("tiers")
    if isinstance(tiers, Mapping):
        yield from _circles(tiers)
        yield from _impossible_rules(document, list(tiers))


def _circles(tiers: Mapping[str, object]) -> Iterator[TierOrderMistake]:
    """One mistake a circle, at its last tier in the file's order."""
    for name in tiers:
        circle = _circle_from(name, tiers)
        if circle and name == max(circle, key=list(tiers).index):
            way = " → ".join((*circle, name))
            fix = "let the strongest tier have no `next`"
            yield TierOrderMistake(("tiers", name, "next"), f"leads back: {way}", fix)


def _circle_from(start: str, tiers: Mapping[str, object]) -> tuple[str, ...]:
    """The tiers from `start` by `next` back to `start`; empty if the way doesn't lead back."""
    way = [start]
    while isinstance(following := _value(tiers.get(way[-1]), "next"), str):
        if following == start:
            return tuple(way)
        if following in way:
            return ()
        way.append(following)
    return ()


def _impossible_rules(
    document: Mapping[str, object], order: list[str]
) -> Iterator[TierOrderMistake]:
    rules = _value(document.get("policy"), "rules")
    for number, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        lowest, highest = _value(rule, "at_least"), _value(rule, "at_most")
        if lowest in order and highest in order and order.index(lowest) > order.index(highest):
            what = f"{lowest!r} is above at_most, {highest!r}"
            path = ("policy", "rules", str(number), "at_least")
            yield TierOrderMistake(path, what, "name a lower tier, or none")


def _value(node: object, key: str) -> object:
    return node.get(key) if isinstance(node, Mapping) else None
