"""Command lines: all commands as `switchgear`, and a package's own as `python -m PACKAGE`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from switchgear import (
    access,
    cache_commands,
    comparisons,
    configuration,
    dead_letters,
    fleet,
    gateway_keys,
    known_models,
    reports,
    routing,
    services,
)
from switchgear.evaluation import commands as evaluation
from switchgear.evaluation import data_commands as evaluation_data
from switchgear.evaluation import promotion_commands as promotion
from switchgear.evaluation import rollout_commands as rollouts
from switchgear.evaluation import shadow_commands as shadows
from switchgear.jobs import commands as jobs
from switchgear.options import ConfigOption
from switchgear.personal_data import erase, residency
from switchgear.version import VERSION

Command: TypeAlias = Callable[..., None]
_ROUTING: Final[dict[str, Command]] = {
    "explain": routing.explain,
    "classify": routing.classify,
    "profile": routing.profile,
}
_FLEET: Final[dict[str, Command]] = {
    "topics": fleet.topics,
    "status": fleet.status,
    "breaker": fleet.breaker,
}
_DEAD_LETTERS: Final[dict[str, Command]] = {
    "list": dead_letters.list_letters,
    "show": dead_letters.show,
    "replay": dead_letters.replay,
}
_CACHE: Final[dict[str, Command]] = {
    "stats": cache_commands.stats,
    "invalidate": cache_commands.invalidate,
    "wrong": cache_commands.wrong,
    "calibrate": cache_commands.calibrate,
    "judge": cache_commands.judge,
}
_JOBS: Final[dict[str, Command]] = {
    "submit": jobs.submit,
    "status": jobs.status,
    "list": jobs.list_jobs,
    "cancel": jobs.cancel,
    "results": jobs.results,
    "resume": jobs.resume,
}
_EVALUATION: Final[dict[str, Command]] = {
    "sample": evaluation_data.sample,
    "import": evaluation_data.import_cases,
    "data": evaluation_data.list_data,
    "run": evaluation.run,
    "list": evaluation.list_evaluations,
    "report": evaluation.report,
    "label": evaluation.label,
    "show": evaluation.show,
    "delete": evaluation_data.delete,
    "erase": evaluation_data.erase,
    "promote": promotion.promote,
    "shadow": shadows.shadow,
}
_REPORTS: Final[dict[str, Command]] = {
    "report": reports.report,
    "waste": reports.waste,
    "quality": reports.quality,
}
_COMPARISONS: Final[dict[str, Command]] = {
    "whatif": comparisons.whatif,
    "reconcile": comparisons.reconcile,
    "residency": residency.residency,
    "verify": residency.verify,
}
_SERVICES: Final[dict[str, Command]] = {
    "router": services.router,
    "worker": services.worker,
    "ledger": services.ledger,
    "serve": services.serve,
    "gateway": services.gateway,
}

_ROLLOUTS: Final[dict[str, Command]] = {
    "run": rollouts.run,
    "start": rollouts.start,
    "status": rollouts.status,
    "stop": rollouts.stop,
}
_KEYS: Final[dict[str, Command]] = {
    "create": gateway_keys.create,
    "list": gateway_keys.list_keys,
    "revoke": gateway_keys.revoke,
}


def switchgear_app() -> typer.Typer:
    """Every command."""
    plain = {name: command for name, command in _REPORTS.items() if name != "report"}
    app = _app(
        _SERVICES | _FLEET | {"acl": access.acl, "erase": erase.erase} | plain | _ROUTING,
        completion=True,
    )
    report = _app(_COMPARISONS, needs_command=False)
    report.callback(invoke_without_command=True)(reports.report)
    app.add_typer(report, name="report")
    app.add_typer(_app(_JOBS), name="job", help="Files of requests: submit, status, results.")
    app.add_typer(
        _app(_EVALUATION),
        name="evaluate",
        help="Models compared on recorded requests: sample, import, run, report, label.",
    )
    app.add_typer(_app(_DEAD_LETTERS), name="dlq", help="Dead letters: list, show, replay.")
    app.add_typer(
        _app(_CACHE), name="cache", help="The cache: stats, invalidate, calibrate, judge."
    )
    app.add_typer(
        _app({"stepfunctions": services.stepfunctions}),
        name="callbacks",
        help="Replies told to who waits elsewhere: stepfunctions.",
    )
    app.add_typer(
        _app(_ROLLOUTS), name="rollout", help="Model swaps on a growing share: start, status, stop."
    )
    app.add_typer(_app(_KEYS), name="key", help="Gateway keys: create, list, revoke.")
    app.add_typer(
        _app(
            {
                "list": known_models.list_models,
                "providers": known_models.list_providers,
                "check": known_models.check_models,
            }
        ),
        name="models",
        help="Known models and provider presets: list, providers, check.",
    )
    app.add_typer(
        _app({"list": known_models.list_prices, "check": known_models.check_prices}),
        name="prices",
        help="Prices of the deployments: list, check.",
    )
    app.add_typer(
        _app({"check": configuration.check}), name="config", help="The configuration file."
    )

    @app.callback()
    def whole(
        context: typer.Context,
        config: ConfigOption = None,
        _version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_print_version)
        ] = False,
    ) -> None:
        """Switchgear: an event-driven LLM router on Kafka."""
        _hand_down(context, config)

    return app


def router_app() -> typer.Typer:
    """`python -m router`: the service, and its commands."""
    app = _app({"serve": services.router, **_ROUTING}, needs_command=False)

    @app.callback(invoke_without_command=True)
    def router(context: typer.Context, config: ConfigOption = None) -> None:
        """The router, as `switchgear router`; its commands without Kafka."""
        _hand_down(context, config)
        if context.invoked_subcommand is None:
            services.router(config)

    return app


def workers_app() -> typer.Typer:
    """`python -m workers --tier …`: a tier's pool, and the operator's commands."""
    app = _app(_FLEET, needs_command=False)
    app.add_typer(_app(_DEAD_LETTERS), name="dlq", help="Dead letters: list, show, replay.")

    @app.callback(invoke_without_command=True)
    def workers(
        context: typer.Context,
        tier: str | None = None,
        zone: list[str] | None = None,
        unbound: Annotated[bool, typer.Option("--unbound")] = False,
        batch: Annotated[bool, typer.Option("--batch")] = False,
        config: ConfigOption = None,
    ) -> None:
        """A tier's worker pool, as `switchgear worker --tier TIER`; the operator's commands."""
        _hand_down(context, config)
        if context.invoked_subcommand is None:
            if tier is None and not batch:
                raise typer.BadParameter("which tier? for example: --tier economy")
            services.worker(tier, zone, unbound, batch, config)

    return app


def cache_app() -> typer.Typer:
    """`python -m cache`."""
    app = _app(_CACHE)

    @app.callback()
    def cache(context: typer.Context, config: ConfigOption = None) -> None:
        """The cache's commands, as `switchgear cache`."""
        _hand_down(context, config)

    return app


def observability_app() -> typer.Typer:
    """`python -m observability`: the ledger, its reports, and the live page."""
    return _app({"ledger": services.ledger, "serve": services.serve, **_REPORTS})


def _app(
    commands: Mapping[str, Command], *, completion: bool = False, needs_command: bool = True
) -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=needs_command,
        add_completion=completion,
        # plain words on standard error, for people and logs alike; a traceback only for a defect
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for name, command in commands.items():
        app.command(name)(command)
    return app


def _hand_down(context: typer.Context, config: Path | None) -> None:
    """A `--config` before the command is the default of the command's own."""
    if config is not None:
        commands: Mapping[str, Any] = getattr(context.command, "commands", {})
        defaults = {"config": config}
        context.default_map = {
            name: defaults | dict.fromkeys(getattr(command, "commands", {}), defaults)
            for name, command in commands.items()
        }


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"switchgear {VERSION}")
        raise typer.Exit
