"""`python -m router`: the router service, and its judgement without Kafka.

python -m router                                  route llm.requests (the service)
python -m router explain "prompt"                 one decision, with everything behind it
python -m router classify --input a --output b    judge a file of prompts
python -m router profile --outcomes a             learn the policy.tasks section from outcomes
"""

import argparse
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from pydantic import ValidationError
from rich.console import Console

from observability.price_lists import load_price_book
from router.decide import task_profiles
from router.decide.tier_candidates import RoutingConfig
from router.serve import commands
from router.serve.model_file import default_model
from router.serve.process import routing_config
from router.serve.process import serve_router as run_router
from runtime.config.config_file import ConfigError, parse_config
from runtime.config.pricing import Pricing
from runtime.process.settings import ServiceSettings


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 = done, 2 = the caller must change something (said on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        catalog = parse_config(Path(options.config).read_text(encoding="utf-8"))
        basis = routing_config(catalog, Pricing(load_price_book()), default_model())
        return int(options.run(options, basis))
    except (ConfigError, ValidationError, OSError, ValueError) as error:
        print(f"router: {error}", file=sys.stderr)
        return 2


def serve(_options: argparse.Namespace, _basis: RoutingConfig) -> int:
    """Runs the service until it is told to stop."""
    uvloop.run(run_router(ServiceSettings()))
    return 0


def explain(options: argparse.Namespace, basis: RoutingConfig) -> int:
    """Shows one decision."""
    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    request = commands.request_of(prompt, tenant=options.tenant, **_routing(options))
    found, scores, route = commands.explain_request(request, basis)
    if options.json:
        print(json.dumps(commands.as_json(found, scores, route), indent=2, default=str))
    else:
        commands.show_explanation(Console(), found, scores, route)
    return 0


def classify(options: argparse.Namespace, basis: RoutingConfig) -> int:
    """Judges a file of prompts, a line each."""
    with (
        Path(options.input).open(encoding="utf-8", errors="replace") as lines,
        Path(options.output).open("w", encoding="utf-8") as out,
    ):
        out.writelines(line + "\n" for line in commands.classify_lines(lines, basis))
    return 0


def profile(options: argparse.Namespace, _basis: RoutingConfig) -> int:
    """Learns the profiles of tasks from recorded outcomes."""
    with Path(options.outcomes).open(encoding="utf-8") as lines:
        learned = task_profiles.learn_profiles(task_profiles.read_outcomes(lines))
    if not learned:
        print(
            f"router: no task has {task_profiles.MIN_OUTCOMES} outcomes at a tier", file=sys.stderr
        )
    print(task_profiles.profiles_yaml(learned), end="")
    return 0


def _routing(options: argparse.Namespace) -> dict[str, Any]:
    wishes = {
        "tier": options.tier,
        "task": options.task,
        "min_quality": options.min_quality,
        "max_cost_usd": options.max_cost_usd,
        "residency": options.residency,
        "self_hosted_only": options.self_hosted_only,
    }
    return {name: value for name, value in wishes.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m router", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", default="switchgear.yaml", help="the configuration file")
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
    one.add_argument("--residency", nargs="*")
    one.add_argument("--self-hosted-only", action="store_true", default=None)
    one.add_argument("--json", action="store_true", help="as JSON")
    one.set_defaults(run=explain)
    many = command.add_parser("classify", help="judge a file of prompts")
    many.add_argument("--input", required=True, help='JSON lines: {"prompt": ...}')
    many.add_argument("--output", required=True, help="the lines with score, tier and reason")
    many.set_defaults(run=classify)
    task = command.add_parser("profile", help="learn task profiles from recorded outcomes")
    task.add_argument("--outcomes", required=True, help='JSON lines: {"task", "tier", "good"}')
    task.set_defaults(run=profile)
    return parser


if __name__ == "__main__":
    sys.exit(main())
