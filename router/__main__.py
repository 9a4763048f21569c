"""Command line of the router: the service, and its decisions without Kafka.

python -m router                                  route llm.requests (the service)
python -m router explain "prompt"                 one decision, with everything behind it
python -m router classify --input a --output b    judge a file of prompts
python -m router profile --outcomes a             learn the policy.tasks section from outcomes
"""

import argparse
import sys
from decimal import Decimal
from pathlib import Path

import uvloop
from pydantic import ValidationError
from rich.console import Console

from producers.contract import Routing
from router.decide.task_profiles import MIN_OUTCOMES
from router.serve import commands
from router.serve.process import serve_router
from runtime.config.config_file import ConfigError
from runtime.process.settings import ServiceSettings


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 = done, 2 = the caller must change something (said on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ConfigError, ValidationError, OSError, ValueError) as error:
        print(f"router: {error}", file=sys.stderr)
        return 2
    return 0


def serve(_options: argparse.Namespace) -> None:
    """Runs the service until it is told to stop."""
    uvloop.run(serve_router(ServiceSettings()))


def explain(options: argparse.Namespace) -> None:
    """Shows one decision."""
    routing = Routing(
        tier=options.tier,
        task=options.task,
        min_quality=options.min_quality,
        max_cost_usd=options.max_cost_usd,
        residency=tuple(options.residency),
        self_hosted_only=options.self_hosted_only,
    )
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    request = commands.request_to_explain(prompt, options.tenant, routing)
    config = commands.load_routing_config(options.config)
    explanation = commands.explain_request(request, config)
    if options.json:
        print(commands.explanation_json(explanation))
    else:
        Console().print(commands.explanation_table(explanation))


def classify(options: argparse.Namespace) -> None:
    """Judges a file of prompts, a line each."""
    config = commands.load_routing_config(options.config)
    with (
        options.input.open(encoding="utf-8", errors="replace") as lines,
        options.output.open("w", encoding="utf-8") as out,
    ):
        for prompt in commands.classified_prompts(lines, config):
            out.write(commands.classified_json(prompt) + "\n")


def profile(options: argparse.Namespace) -> None:
    """Learns the profiles of tasks from recorded outcomes."""
    profiles = commands.learned_profiles(options.outcomes)
    if not profiles:
        print(f"router: no task has {MIN_OUTCOMES} outcomes at a tier", file=sys.stderr)
    match options.format:
        case "table":
            Console().print(commands.profiles_table(profiles))
        case "json":
            print(commands.profiles_json(profiles))
        case _:
            print(commands.profiles_yaml(profiles), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--config", type=Path, default=Path("switchgear.yaml"), help="the configuration file"
    )
    parser.set_defaults(run=serve)
    command = parser.add_subparsers(title="commands")
    command.add_parser("serve", help="run the service (default)").set_defaults(run=serve)
    one = command.add_parser("explain", help="show the decision on one prompt")
    one.add_argument("prompt", help="the prompt; - reads it from standard input")
    one.add_argument("--tenant", default="explain")
    one.add_argument("--tier")
    one.add_argument("--task")
    one.add_argument("--min-quality", type=float)
    one.add_argument("--max-cost-usd", type=Decimal)
    one.add_argument("--residency", nargs="*", default=())
    one.add_argument("--self-hosted-only", action="store_true")
    one.add_argument("--json", action="store_true", help="as JSON")
    one.set_defaults(run=explain)
    many = command.add_parser("classify", help="judge a file of prompts")
    many.add_argument("--input", type=Path, required=True, help='JSON lines: {"prompt": ...}')
    many.add_argument(
        "--output", type=Path, required=True, help="the lines with score, tier and reason"
    )
    many.set_defaults(run=classify)
    task = command.add_parser("profile", help="learn task profiles from recorded outcomes")
    task.add_argument(
        "--outcomes", type=Path, required=True, help='JSON lines: {"task", "tier", "good"}'
    )
    task.add_argument("--format", choices=("yaml", "table", "json"), default="yaml")
    task.set_defaults(run=profile)
    return parser


if __name__ == "__main__":
    sys.exit(main())
