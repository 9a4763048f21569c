"""Rollout commands: run the controller; start, look at and stop a model swap."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.options import ConfigOption, FormatOption, configured_catalog, service_settings

if TYPE_CHECKING:
    from observability.evaluation.rollout.rollout_record import RolloutRecord

_NameArgument = Annotated[str, typer.Argument(help="The rollout.")]


def run(config: ConfigOption = None) -> None:
    """Run the controller: it grows and takes back the shares."""
    import uvloop

    from runtime.rollouts.process import serve_rollouts

    uvloop.run(serve_rollouts(service_settings(config)))


def start(
    name: _NameArgument,
    tier: Annotated[str, typer.Option(help="The tier whose traffic is shared.")],
    candidate: Annotated[str, typer.Option(help="The deployment that is tried.")],
    steps: Annotated[str, typer.Option(help="Shares of the traffic.")] = "0.01,0.05,0.25,0.5,1",
    min_requests: Annotated[int, typer.Option(min=1, help="Of the candidate, in a step.")] = 100,
    min_minutes: Annotated[float, typer.Option(min=0, help="That a step lasts.")] = 60,
    margin: Annotated[float, typer.Option(help="The loss of success not to be missed.")] = 0.05,
    slow_factor: Annotated[
        float, typer.Option(help="Slow: beyond so many times the control's 95th percentile.")
    ] = 1.5,
    without_ratings: Annotated[
        bool, typer.Option("--without-ratings", help="Nobody rates answers: watch the rest.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Give a deployment a small share of a tier's traffic, which grows while its guards hold."""
    from pydantic import ValidationError

    from observability.evaluation.rollout.rollout_record import RolloutRules
    from runtime.rollouts.operator import RolloutRefusedError, start_rollout

    try:
        rules = RolloutRules(
            steps=tuple(float(step) for step in steps.split(",")),
            min_requests=min_requests,
            min_minutes=min_minutes,
            margin=margin,
            slow_factor=slow_factor,
            success=not without_ratings,
        )
        catalog, settings = configured_catalog(config), service_settings(config)
        begun = start_rollout(settings, catalog, name, (tier, candidate), rules)
        rollout = asyncio.run(begun)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise typer.BadParameter(f"{where}: {first['msg']}") from None
    except (RolloutRefusedError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    print(_sentence(rollout))


def stop(name: _NameArgument, config: ConfigOption = None) -> None:
    """End a rollout: all requests go to the others again."""
    from runtime.rollouts.operator import RolloutRefusedError, stop_rollout

    try:
        rollout = asyncio.run(stop_rollout(service_settings(config), name))
    except RolloutRefusedError as error:
        raise typer.BadParameter(str(error)) from None
    print(_sentence(rollout))


def status(format: FormatOption = "table", config: ConfigOption = None) -> None:
    """Show every rollout, what its requests have shown and what was decided."""
    import json

    from observability.terminal import plain, utc
    from runtime.rollouts.operator import list_rollouts

    rollouts = asyncio.run(list_rollouts(service_settings(config)))
    if format == "json":
        print(json.dumps([each.model_dump(mode="json") for each in rollouts.values()], indent=2))
        return
    for rollout in rollouts.values():
        print(_sentence(rollout))
        for arm, seen in (
            ("candidate", rollout.candidate_evidence),
            ("control", rollout.control),
        ):
            counts = f"{seen.requests} requests, {seen.errors} errors, {seen.slow} slow"
            print(f"  {arm}: {counts}, {seen.bad} of {seen.rated} rated answers bad")
        for decision in rollout.decisions:
            words = plain(f"{decision.share:.0%}: {decision.why}")
            print(f"  {utc(decision.at_ms)} {words}")


def _sentence(rollout: "RolloutRecord") -> str:
    from observability.terminal import plain

    share = f"{rollout.share:.0%} of tier {rollout.tier}"
    return plain(f"{rollout.name}: {rollout.status}, {share} to {rollout.candidate}")
