"""Judge command: the hit test on a file of pairs. Would one question's answer serve the other?"""

from dataclasses import dataclass
from pathlib import Path

from cache.commands.pair_judge import PairJudge, verdict_lines
from cache.commands.pairs_file import BadLine, read_pairs_file, split_lines
from cache.commands.surroundings import CommandError, load_model
from runtime.config.sections.cache import CacheSettings

MAX_TARGET = 0.2
"""The greatest false-hit rate that calibration covers."""


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """What was judged."""

    input: Path
    pairs: int
    target: float
    """The false-hit rate that the verdicts keep."""
    bad_lines: tuple[BadLine, ...]
    """Lines that are no pair: no hit, and their problem as the reason."""


def judge_pairs(
    settings: CacheSettings, source: Path, output: Path, target: float | None = None
) -> JudgeSummary:
    """Writes one line for each of the input's: `score`, `hit`, `reason`; no hit for a bad one.

    target: the false-hit rate, by default the configured one. Raises CommandError.
    """
    target = target or settings.defaults.target_false_hits
    if not 0 < target <= MAX_TARGET:
        raise CommandError(f"--target must be above 0 and at most {MAX_TARGET}, not {target:g}")
    lines = read_pairs_file(source)
    pairs, bad_lines = split_lines(lines)
    if bad_lines and not pairs:
        first = bad_lines[0]
        raise CommandError(f"{source}:{first.line}: {first.problem}; no line is a pair")
    judge = PairJudge(*load_model(settings), target)
    try:
        with output.open("w", encoding="utf-8") as file:
            file.writelines(verdict_lines(judge.judge(lines, settings.embedder.threads)))
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}") from None
    return JudgeSummary(source, len(pairs), target, tuple(bad_lines))


def render_problems(summary: JudgeSummary) -> list[str]:
    """A line for each unusable one, for standard error."""
    return [f"{summary.input}:{bad.line}: {bad.problem}; no hit" for bad in summary.bad_lines]


def render_summary(summary: JudgeSummary) -> str:
    """One line."""
    bad = len(summary.bad_lines)
    return f"{summary.pairs} pairs judged at a target of {summary.target:g}, {bad} unusable lines"
