"""How often is the look-up of claims right, and what does it cost? `python -m bench.groundedness`.

Right: on answers that were labelled by hand, those it was made with and those it had never seen.
Cost: microseconds on one core; with `--before COMMIT`, beside that commit's in the same run.
"""

import argparse
import json
import subprocess
import sys
import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Final

import yaml

from bench.machine import description
from observability.grounding import groundedness
from observability.grounding.groundedness import LEAST_CLAIMS, context_of, context_support
from observability.reports.wilson import IntervalRate, wilson

LABELLED: Final = Path("tests/unit/observability/grounding")
RESULTS: Final = Path("bench/results/groundedness.json")
_SETS: Final = ("groundedness", "groundedness_unseen")
_LEAST: Final = (0, LEAST_CLAIMS)
_CALLS: Final = 1000


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer with its context. kind: how it is faithful, or what is wrong with it."""

    context: str
    answer: str
    kind: str
    faithful: bool


def labelled(name: str) -> Iterator[Labelled]:
    """The answers of one file."""
    for style in yaml.safe_load((LABELLED / f"{name}.yaml").read_text(encoding="utf-8")):
        for faithful in (True, False):
            for kind, answer in style["faithful" if faithful else "unfaithful"]:
                yield Labelled(style["context"], answer, kind, faithful)


def flagged(answers: Sequence[Labelled], *, faithful: bool, least: int) -> IntervalRate:
    """The share of the faithful or the other answers, with `least` claims, that is flagged."""
    found = [
        context_support(one.answer, one.context) for one in answers if one.faithful is faithful
    ]
    told = [one.ungrounded for one in found if one.checked >= least]
    return wilson(sum(verdict is True for verdict in told), len(told))


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", help="a commit whose look-up is timed too")
    before = parser.parse_args().before
    right = {f"{name}, {least} claims": _rates(name, least) for name in _SETS for least in _LEAST}
    for name, rates in right.items():
        print(f"{name}: caught {_words(rates['caught'])}, false alarms {_words(rates['false'])}")
    timed = _timed(None if before is None else _module_at(before))
    RESULTS.write_text(
        json.dumps({"machine": description(), "right": right, "microseconds": timed}, indent=2)
    )


def _rates(name: str, least: int) -> dict[str, dict[str, float]]:
    answers = list(labelled(name))
    rates = {
        "caught": flagged(answers, faithful=False, least=least),
        "false": flagged(answers, faithful=True, least=least),
    }
    return {
        which: {"count": rate.count, "of": rate.of, "low": rate.low, "high": rate.high}
        for which, rate in rates.items()
    }


def _words(rate: dict[str, float]) -> str:
    share = rate["count"] / rate["of"]
    return f"{rate['count']} of {rate['of']} ({share:.0%}; {rate['low']:.0%} to {rate['high']:.0%})"


def _timed(before: ModuleType | None) -> dict[str, dict[str, float]]:
    context = "\n\n".join(one.context for one in labelled(_SETS[0]))[:1900]
    assert context_of([{"role": "user", "content": context}]) is not None
    cases = {
        "claims found": "Halden Instruments had revenue of 1,284.6 million euros, up 8.3 %. "
        "Kestrel Holdings bought the plant in Turku; "
        "Tomas Varga proposes a dividend of 1.15 euros.",
        "a claim missing": "Halden Instruments had revenue of 1,384.6 million euros.",
        "no claims": "It grew, and the board is content with how the year went.",
    }
    return {name: _both(name, answer, context, before) for name, answer in cases.items()}


def _both(name: str, answer: str, context: str, before: ModuleType | None) -> dict[str, float]:
    modules = {"now": groundedness} | ({} if before is None else {"before": before})
    times = dict.fromkeys(modules, 1e9)
    for _ in range(7):  # in turns, so that both meet the same machine
        for when, module in modules.items():
            took = timeit.timeit(partial(module.support, answer, context), number=_CALLS)
            times[when] = min(times[when], took / _CALLS * 1e6)
    ratio = f", {times['before'] / times['now']:.1f} times as fast" if before else ""
    print(f"{name}: {times['now']:.0f} µs in {len(context):,} characters{ratio}")
    return times


def _module_at(commit: str) -> ModuleType:
    command = ["git", "show", f"{commit}:observability/grounding/groundedness.py"]
    source = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    module = ModuleType(f"groundedness_at_{commit}")
    sys.modules[module.__name__] = module
    exec(compile(source, module.__name__, "exec"), module.__dict__)  # noqa: S102 (our own history)
    return module


if __name__ == "__main__":
    main()
