"""Invocation of a command line: one style of errors and exit codes for every command.

Exit codes: 0 done; 1 done in part (some lines or letters were unusable); 2 not done, the caller
must change something, which one sentence on standard error says; 130 interrupted.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import typer

PARTIAL: Final = 1
REFUSED: Final = 2

_EXPECTED: Final = frozenset(
    {
        "builtins.OSError",
        "builtins.ValueError",
        "builtins.RuntimeError",
        "aiokafka.errors.KafkaError",
        "redis.exceptions.RedisError",
        "botocore.exceptions.BotoCoreError",
        "cache.commands.surroundings.CommandError",
        "observability.ledger.ledger.LedgerError",
        "observability.reports.cost.UnknownDimensionError",
        "runtime.config.config_file.ConfigError",
    }
)
"""Errors whose text is for people, by name: their modules are imported by who raises them alone."""


def run_app(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line; arguments: those of the process when None. Returns the exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name=name)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else REFUSED
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not is_expected(error):
            raise
        from observability.terminal import lines  # what rich needs is loaded when it is shown

        print(f"Error: {lines(sentence(error))}", file=sys.stderr)
        return REFUSED
    return 0


def is_expected(error: Exception) -> bool:
    """Whether the text tells the caller what to change; any other error is a defect of ours."""
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return bool(names & _EXPECTED)


def sentence(error: Exception) -> str:
    """What is wrong, and where it is known what to do."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    problems = getattr(error, "errors", None)
    if not callable(problems) or not hasattr(error, "title"):
        return str(error) or type(error).__name__
    # pydantic's text has a line for each mistake, and the refused value, which may be a secret
    details = cast("list[Mapping[str, Any]]", problems(include_input=False, include_url=False))
    title = str(error.title)
    return "; ".join(_mistake(title, detail) for detail in details)


def _mistake(title: str, detail: Mapping[str, Any]) -> str:
    words = str(detail["msg"]).removeprefix("Value error, ")
    place = ".".join(str(step) for step in detail["loc"])
    if title.endswith("Settings") and place:
        return f"the environment variable SWITCHGEAR_{place.upper()}: {words}"
    return f"{place}: {words}" if place else words
