"""`judge`: would the cache serve one question's answer for the other?"""

import argparse
import sys
from pathlib import Path

from cache.commands.common import CommandError, model_of, read_lines, settings_of, split
from cache.commands.pair_judge import PairJudge, verdict_lines


def declare(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--input", type=Path, required=True, help='JSON Lines of {"a", "b"}')
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--target", type=float, help="false-hit rate; default: the configured one")


def run(options: argparse.Namespace) -> int:
    """Writes one line for each of the input's: `score`, `hit`, `reason`; no hit for a bad one."""
    settings = settings_of(options)
    target = options.target or settings.defaults.target_false_hits
    if not 0 < target <= 0.2:  # noqa: PLR2004 - the range that calibration covers
        raise CommandError(f"--target must be above 0 and at most 0.2, not {target:g}")
    read = read_lines(options.input)
    pairs, bad = split(read)
    if bad and not pairs:
        raise CommandError(f"{options.input}:{bad[0].line}: {bad[0].problem}; no line is a pair")
    embedder, verifier = model_of(settings)
    judge = PairJudge(embedder, verifier, target)
    try:
        with options.output.open("w", encoding="utf-8") as output:
            output.writelines(verdict_lines(judge.judge(read, settings.embedder.threads)))
    except OSError as error:
        raise CommandError(f"{options.output}: {error.strerror}") from None
    for line in bad:
        print(f"{options.input}:{line.line}: {line.problem}; no hit", file=sys.stderr)
    print(f"{len(pairs)} pairs judged at a target of {target:g}, {len(bad)} unusable lines")
    return 0
