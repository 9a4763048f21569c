"""Routing commands without Kafka: explain, classify and profile."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import typer

from switchgear.invocation import PARTIAL
from switchgear.options import ConfigOption, FormatOption, JsonFlag, service_settings, usd_amount


def explain(
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; - reads it from standard input.")
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A past request: what the ledger knows of it."),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Who asks; of a past request, who asked.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(help="Of a past request: a DuckDB file or a URL; default: SWITCHGEAR_LEDGER."),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="The tier that the caller names.")] = None,
    task: Annotated[str | None, typer.Option(help="The task that the caller names.")] = None,
    min_quality: Annotated[float | None, typer.Option(help="0..1")] = None,
    max_cost_usd: Annotated[
        Decimal | None, typer.Option(parser=usd_amount, metavar="USD", help="Of one request.")
    ] = None,
    objective: Annotated[
        Literal["cost", "latency", "balanced"] | None,
        typer.Option(help="What decides among what is good enough."),
    ] = None,
    deadline_ms: Annotated[
        int | None, typer.Option(min=1, help="Until the answer must be there.")
    ] = None,
    max_ttft_ms: Annotated[
        int | None, typer.Option(min=1, help="Until the answer must begin.")
    ] = None,
    residency: Annotated[
        list[str] | None, typer.Option(help="A zone that may see the data; may be repeated.")
    ] = None,
    self_hosted_only: Annotated[
        bool, typer.Option("--self-hosted-only", help="No third party may see the data.")
    ] = False,
    format: FormatOption = "table",
    as_json: JsonFlag = False,
    config: ConfigOption = None,
) -> None:
    """Show the decision on one prompt and its reasons, or what a past request cost and why."""
    if request is not None:
        _explain_past(request, tenant, ledger, as_json=as_json or format == "json")
        return
    if prompt is None:
        raise typer.BadParameter("a prompt, or --request ID")
    from rich.console import Console

    from observability.terminal import output_width
    from producers.contract import Routing
    from router.serve import commands

    routing = Routing(
        tier=tier,
        task=task,
        min_quality=min_quality,
        max_cost_usd=max_cost_usd,
        objective=objective,
        deadline_ms=deadline_ms,
        max_ttft_ms=max_ttft_ms,
        residency=tuple(residency or ()),
        self_hosted_only=self_hosted_only,
    )
    text = sys.stdin.read() if prompt == "-" else prompt
    asked = commands.request_to_explain(text, tenant or "explain", routing)
    routing_config = commands.load_routing_config(service_settings(config).config)
    explanation = commands.explain_request(asked, routing_config)
    if as_json or format == "json":
        print(commands.explanation_json(explanation))
    else:
        Console(width=output_width()).print(commands.explanation_table(explanation))


def _explain_past(request: str, tenant: str | None, ledger: str | None, *, as_json: bool) -> None:
    from observability.commands import explain_past_request

    if not explain_past_request(request, tenant, as_json=as_json, ledger=ledger):
        print(f"the ledger knows no request {request!r}", file=sys.stderr)
        raise typer.Exit(PARTIAL)


def classify(
    source: Annotated[Path, typer.Option("--input", help='JSON Lines of {"prompt": …}.')],
    output: Annotated[Path, typer.Option(help="The lines with score, tier and reason.")],
    config: ConfigOption = None,
) -> None:
    """Classify a file of prompts.

    Exit code 1 when some lines were no prompts.
    """
    from router.serve import commands

    if output.exists() and output.samefile(source):
        raise typer.BadParameter(f"--output {output} is the input; name another file")
    routing_config = commands.load_routing_config(service_settings(config).config)
    unreadable = 0
    with (
        source.open(encoding="utf-8", errors="replace") as lines,
        output.open("w", encoding="utf-8") as out,
    ):
        for prompt in commands.classified_prompts(lines, routing_config):
            unreadable += isinstance(prompt, commands.UnreadablePrompt)
            out.write(commands.classified_json(prompt) + "\n")
    if unreadable:
        print(f"{unreadable} lines are no prompts; {output} says why", file=sys.stderr)
        raise typer.Exit(PARTIAL)


def profile(
    outcomes: Annotated[Path, typer.Option(help='JSON Lines of {"task", "tier", "good"}.')],
    format: Annotated[
        Literal["yaml", "table", "json"], typer.Option(help="yaml: for switchgear.yaml.")
    ] = "yaml",
) -> None:
    """Learn task profiles from recorded outcomes."""
    from rich.console import Console

    from observability.terminal import output_width
    from router.decide.task_profiles import MIN_OUTCOMES
    from router.serve import commands

    profiles = commands.learned_profiles(outcomes)
    match format:
        case "table":
            Console(width=output_width()).print(commands.profiles_table(profiles))
        case "json":
            print(commands.profiles_json(profiles))
        case "yaml":
            print(commands.profiles_yaml(profiles), end="")
    if not profiles:
        print(f"no task has {MIN_OUTCOMES} outcomes at a tier", file=sys.stderr)
        raise typer.Exit(PARTIAL)
