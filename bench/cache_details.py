"""Detail pairs: questions that differ in one detail, beside same ones. Which are told apart?

    python -m bench.cache_details [--pairs FILE] [--wrong]

A pair is joined when both texts have one canonical form, and accepted when, besides, the verifier
and the guard would serve one's answer for the other, at the targets of 1 % and 5 % false hits.
Pairs are JSON lines of `a`, `b`, `same`, `kind`, `language`, `split`: the guard was made with the
`first` before its eyes, a later one was unseen when it was first scored. Results are written to
bench/results/cache_details.json. --wrong: also prints the pairs that come out wrong.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cache.commands.pair_judge import PairJudge
from cache.commands.pairs_file import Pair, read_pairs_file, split_lines
from cache.commands.surroundings import cache_settings, load_model
from cache.identity.normalisation import canonical

PAIRS: Final = Path(__file__).with_name("cache_details.jsonl")
RESULTS: Final = Path(__file__).with_name("results") / "cache_details.json"
TARGETS: Final = (0.01, 0.05)


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled pair, and what the cache makes of it."""

    fields: dict[str, Any]
    is_joined: bool
    is_accepted: tuple[bool, ...]
    """At each of TARGETS, joined pairs included."""
    reasons: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """The label."""
        return bool(self.fields["same"])


def judged_pairs(pairs: list[Pair]) -> list[Judged]:
    """Every pair with the verdicts at each target."""
    settings = cache_settings()
    model = load_model(settings)
    verdicts = [list(PairJudge(*model, target).judge(list(pairs))) for target in TARGETS]
    return [
        Judged(
            pair.fields,
            canonical(pair.a) == canonical(pair.b),
            tuple(bool(verdict["hit"]) for verdict in at_targets),
            tuple(str(verdict["reason"]) for verdict in at_targets),
        )
        for pair, *at_targets in zip(pairs, *verdicts, strict=True)
    ]


def counts(judged: Iterable[Judged]) -> dict[str, int]:
    """How many of a group are different or the same, joined, and accepted."""
    group = list(judged)
    different = [pair for pair in group if not pair.is_same]
    same = [pair for pair in group if pair.is_same]
    found = {
        "different": len(different),
        "different, joined": sum(pair.is_joined for pair in different),
        "same": len(same),
        "same, joined": sum(pair.is_joined for pair in same),
    }
    for at, target in enumerate(TARGETS):
        found[f"different, accepted at {target:.0%}"] = sum(p.is_accepted[at] for p in different)
        found[f"same, accepted at {target:.0%}"] = sum(p.is_accepted[at] for p in same)
    return found


def by_group(judged: Iterable[Judged]) -> dict[str, dict[str, int]]:
    """The counts of each kind and language."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for pair in judged:
        label = "same" if pair.is_same else "different"
        groups[f"{label}: {pair.fields['kind']} ({pair.fields['language']})"].append(pair)
    return {
        name: {label: count for label, count in counts(group).items() if count}
        for name, group in sorted(groups.items())
    }


def wrong_lines(judged: Iterable[Judged]) -> Iterator[str]:
    """Different pairs that are accepted, and same ones that aren't, at the laxest target."""
    for pair in judged:
        if pair.is_accepted[-1] != pair.is_same:
            fields = pair.fields
            joined = "joined" if pair.is_joined else pair.reasons[-1]
            yield f"{fields['kind']:12} {fields['a']!r} | {fields['b']!r}: {joined}"


def main() -> None:
    """Scores, prints, writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, default=PAIRS)
    parser.add_argument("--wrong", action="store_true")
    options = parser.parse_args()
    pairs, bad_lines = split_lines(read_pairs_file(options.pairs))
    assert not bad_lines
    judged = judged_pairs(pairs)
    splits = sorted({str(pair.fields.get("split", "own")) for pair in judged})
    figures = {
        "all": counts(judged),
        "by split": {
            split: counts(pair for pair in judged if pair.fields.get("split", "own") == split)
            for split in splits
        },
        "by kind": by_group(judged),
    }
    if options.pairs == PAIRS:
        RESULTS.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(figures["all"], indent=1))
    if options.wrong:
        print("\n".join(wrong_lines(judged)))


if __name__ == "__main__":
    main()
