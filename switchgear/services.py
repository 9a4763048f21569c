"""Service commands: router, worker, gateway, ledger and live page run until told to stop."""

from typing import TYPE_CHECKING, Annotated

import typer

from switchgear.options import ConfigOption, service_settings

if TYPE_CHECKING:
    from observability.ledger.ingest import Genuine


def router(config: ConfigOption = None) -> None:
    """Route requests to tiers."""
    import os

    import uvloop

    from router.serve.process import serve_router

    uvloop.run(serve_router(service_settings(config), os.environ))


def worker(
    tier: Annotated[str | None, typer.Option(help="The tier to serve.")] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="Only the queue of this zone; may be repeated."),
    ] = None,
    unbound: Annotated[
        bool, typer.Option("--unbound", help="Only the queue of what no zone binds.")
    ] = False,
    batch: Annotated[
        bool, typer.Option("--batch", help="The batch pool, in place of a tier's.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Answer a tier's requests, or gather those that may wait into providers' batches."""
    import os

    import uvloop

    if batch == (tier is not None):
        raise typer.BadParameter("which pool? for example: --tier economy, or --batch")
    if tier is None:
        from workers.batching.pool.process import serve_batches

        uvloop.run(serve_batches(service_settings(config), os.environ))
        return
    from workers.process import QueueShare, serve_tier

    share = QueueShare(tuple(zone or ()), unbound)
    uvloop.run(serve_tier(service_settings(config), os.environ, tier, share))


def gateway(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8080,
    anonymous: Annotated[
        str | None,
        typer.Option(
            metavar="TENANT",
            help="Serve callers without a key as this tenant: only on a network that you trust.",
        ),
    ] = None,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds from the stop signal to the closed port.")
    ] = 0,
    config: ConfigOption = None,
) -> None:
    """Serve OpenAI's and Anthropic's HTTP interfaces."""
    import uvloop

    from gateway.connections.http_limits import HttpLimits
    from gateway.serve.process import serve_gateway

    limits = HttpLimits(drain_s=drain)
    uvloop.run(serve_gateway(service_settings(config), host, port, anonymous, limits))


def ledger(
    once: Annotated[bool, typer.Option("--once", help="Stop when all events are booked.")] = False,
    ledger: Annotated[
        str | None,
        typer.Option(
            "--ledger", "--file", help="A DuckDB file or a store's URL; default: SWITCHGEAR_LEDGER."
        ),
    ] = None,
    unsigned: Annotated[
        bool,
        typer.Option("--unsigned", help="Also events from before there was a router key."),
    ] = False,
) -> None:
    """Book usage events into the ledger."""
    from observability.commands import book_usage

    book_usage(once=once, ledger=ledger, genuine=None if unsigned else _genuine())


def serve(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free one.")] = 8090,
) -> None:
    """Serve the live page."""
    from observability.commands import serve_page

    serve_page(host=host, port=port, genuine=_genuine())


def _genuine() -> "Genuine | None":
    """Whether a record is a worker's, where there is a key to tell by."""
    from runtime.process.process import signer_of

    signer = signer_of(service_settings(None))
    return None if signer is None else signer.genuine


def stepfunctions(
    topic: Annotated[
        str, typer.Option(help="The reply topic to read.")
    ] = "llm.replies.stepfunctions",
    group: Annotated[
        str, typer.Option(help="The consumer group of these processes.")
    ] = "switchgear-stepfunctions",
    endpoint: Annotated[
        str | None, typer.Option(help="Of Step Functions; default: AWS's, by the environment.")
    ] = None,
    heartbeat: Annotated[
        float | None,
        typer.Option(
            min=1, help="Seconds between heartbeats: a third of HeartbeatSeconds; default: none."
        ),
    ] = None,
    requests: Annotated[
        list[str] | None,
        typer.Option(help="A topic of requests, for heartbeats; default: llm.requests."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """End tasks of AWS Step Functions with the replies to their requests."""
    import os

    import uvloop

    from gateway.callbacks.step_functions import (
        HeartbeatSettings,
        StepFunctionsPlace,
        run_callbacks,
    )
    from producers.contract import topics

    beat = heartbeat and HeartbeatSettings(heartbeat, requests or [topics.REQUESTS])
    place = StepFunctionsPlace(os.environ.get("AWS_REGION"), endpoint)
    uvloop.run(run_callbacks(service_settings(config), topic, group, place, beat or None))
