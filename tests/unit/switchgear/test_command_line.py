"""The command `switchgear`: names, lazy imports, errors, exit codes, and the old entry points."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml

import cache.__main__
import observability.__main__
import router.__main__
import workers.__main__
from gateway.access.api_keys import Caller, identify
from gateway.connections.http_limits import HttpLimits
from runtime.config.sections.gateway import GatewaySettings
from runtime.process.settings import ServiceSettings
from switchgear.__main__ import main
from switchgear.invocation import is_expected, run_app
from switchgear.version import VERSION
from tests.unit.runtime.config.test_config_file import GOOD
from workers.process import QueueShare

COMMANDS: Final = [
    *("router", "worker", "ledger", "serve", "gateway", "topics", "status", "breaker", "acl"),
    *("erase", "waste", "quality", "explain", "classify", "profile", "report", "job", "evaluate"),
    *("dlq", "cache", "callbacks", "rollout", "key", "models", "prices", "config"),
]
HEAVY: Final = {
    "pydantic", "aiokafka", "redis", "numpy", "duckdb", "onnxruntime", "genai_prices",
    "workers", "router", "gateway", "cache", "observability", "runtime", "producers",
}  # fmt: skip
CONFIG: Final = "switchgear.yaml"
SHARE: Final = QueueShare(("a", "b"), unbound=True)


def loaded_after(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has imported after `statement`."""
    script = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_names_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    listed = [line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line]
    assert listed == COMMANDS
    assert "--install-completion" in shown
    help_of_all = "from switchgear.__main__ import main\nassert main(['--help']) == 0"
    assert not HEAVY & loaded_after(help_of_all)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: switchgear {name}" in capsys.readouterr().out


def test_the_router_loads_no_worker_and_no_cache() -> None:
    loaded = loaded_after("import switchgear.app, router.serve.process")
    assert "router" in loaded
    assert not {"workers", "cache"} & loaded


def test_a_key_that_was_made_opens_the_gateway(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--tenant t --scope chat --expires 2030-01-01 --rpm 60 --concurrency 2"
    assert main(["key", "create", "team-a", *options.split()]) == 0
    shown = capsys.readouterr().out
    (key,) = re.findall(r"^sk-sg-\S+$", shown, re.MULTILINE)
    section = yaml.safe_load(shown[shown.index("gateway:") :])["gateway"]
    keys = GatewaySettings.model_validate(section).keys
    caller = identify(key, keys, "chat", datetime(2029, 1, 1, tzinfo=UTC))
    assert isinstance(caller, Caller)
    assert caller.tenant == "t"
    assert main(["key", "create", "Team A", "--tenant", "t"]) == 2


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"switchgear {VERSION}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sttus"], "Did you mean 'status'?"),
        (["worker"], "which pool? for example: --tier economy, or --batch"),
        (["worker", "--tier", "t", "--batch"], "which pool? for example: --tier economy, or"),
        (["breaker", "shut", "a"], "'open', 'close', 'release'"),
        (["dlq", "list", "--since", "yesterday"], "'yesterday' is no time: write 45s, 90m"),
        (["dlq", "show", "here"], "'here' is no place of a dead letter; one looks like 0:42"),
        (["explain", "hi", "--max-cost-usd", "much"], "'much' is no amount: write it as 1200.50"),
        (["report", "--shared-usd", "much"], "'much' is no amount: write it as 1200.50"),
        (["cache", "invalidate", "--tenant", "a"], "exactly one of --tag, --scope, --entry and"),
        (["cache", "invalidate", "--tenant", "a", "--all", "--tag", "b"], "exactly one of"),
        (["explain", "hi", "--min-quality", "2"], "min_quality: Input should be less than or eq"),
        (["explain", "hi", "--config", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
        (["--config", "nowhere.yaml", "explain", "hi"], "nowhere.yaml: No such file or directory"),
        (["classify", "--input", "nowhere", "--output", "x"], "nowhere: No such file or directory"),
        (["config", "check", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
    ],
)
def test_a_callers_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = [line for line in shown.err.splitlines() if line.startswith("Error: ")]
    assert words in line
    assert "Traceback" not in shown.err


def test_a_wrong_variable_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWITCHGEAR_PARTITIONS", "hunter2")
    assert main(["topics"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: the environment variable SWITCHGEAR_PARTITIONS: ")
    assert "hunter2" not in error


@pytest.mark.parametrize("defect", [KeyError("x"), TypeError("x"), AttributeError("x")])
def test_a_defect_of_ours_keeps_its_traceback(
    defect: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_settings: ServiceSettings, _environment: object) -> None:
        raise defect

    assert not is_expected(defect)
    monkeypatch.setattr("router.serve.process.serve_router", broken)
    with pytest.raises(type(defect)):
        main(["router"])


def test_config_check_names_every_mistake_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(GOOD.replace("zone: us", "zome: us") + "cache: {defaults: {ttl_s: -1}}\n")
    assert main(["config", "check", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"{path}:5: deployments.a.zone: this key is missing; add it",
        f"{path}:9: deployments.a.zome: unknown key; did you mean 'zone'?",
        f"{path}:13: cache.defaults.ttl_s: this value can't be used; it should be greater than 0",
    ]
    assert main(["config", "check", str(path), "--format", "json"]) == 2
    problems = json.loads(capsys.readouterr().out)
    assert [problem["line"] for problem in problems] == [5, 9, 13]
    assert set(problems[0]) == {"line", "where", "what", "fix"}
    path.write_text(GOOD)
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: no mistakes (1 tiers")
    assert main(["config", "check", str(path), "--format", "json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    for words in (
        ["--config", str(path), "config", "check"],
        ["config", "check", "--config", str(path)],
    ):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith(f"{path}: no mistakes (1 tiers")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the services were started with, in place of serving."""
    started: list[Any] = []

    async def serve_router(settings: ServiceSettings, _environment: object) -> None:
        await asyncio.sleep(0)
        started.append(("router", str(settings.config)))

    async def serve_tier(
        settings: ServiceSettings, _environment: object, tier: str, share: QueueShare
    ) -> None:
        await asyncio.sleep(0)
        started.append((tier, share, str(settings.config)))

    async def serve_gateway(
        settings: ServiceSettings, host: str, port: int, anonymous: str | None, limits: HttpLimits
    ) -> None:
        await asyncio.sleep(0)
        started.append((host, port, anonymous, limits.drain_s, str(settings.config)))

    monkeypatch.setattr("gateway.serve.process.serve_gateway", serve_gateway)
    monkeypatch.setattr("router.serve.process.serve_router", serve_router)

    async def serve_batches(settings: ServiceSettings, _environment: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        started.append(("batches", str(settings.config)))

    monkeypatch.setattr("workers.process.serve_tier", serve_tier)
    monkeypatch.setattr("workers.batching.pool.process.serve_batches", serve_batches)
    return started


@pytest.mark.parametrize(
    ("entry", "arguments", "expected"),
    [
        (main, "router", ("router", CONFIG)),
        (main, "router --config a.yaml", ("router", "a.yaml")),
        (main, "--config a.yaml router", ("router", "a.yaml")),
        (main, "--config a.yaml router --config b.yaml", ("router", "b.yaml")),
        (router.__main__.main, "", ("router", CONFIG)),
        (router.__main__.main, "serve", ("router", CONFIG)),
        (router.__main__.main, "--config a.yaml", ("router", "a.yaml")),
        (main, "worker --tier t", ("t", QueueShare(), CONFIG)),
        (main, "worker --tier t --zone a --zone b --unbound", ("t", SHARE, CONFIG)),
        (main, "worker --batch", ("batches", CONFIG)),
        (workers.__main__.main, "--batch", ("batches", CONFIG)),
        (main, "gateway", ("127.0.0.1", 8080, None, 0, CONFIG)),
        (main, "gateway --port 81 --anonymous t --drain 5", ("127.0.0.1", 81, "t", 5, CONFIG)),
        (workers.__main__.main, "--tier t", ("t", QueueShare(), CONFIG)),
        (workers.__main__.main, "--tier t --unbound --zone a --zone b", ("t", SHARE, CONFIG)),
    ],
)  # fmt: skip
def test_a_service_starts_as_it_was_told(
    entry: Callable[[list[str]], int], arguments: str, expected: object, served: list[Any]
) -> None:
    assert entry(arguments.split()) == 0
    assert served == [expected]


def test_the_old_entry_points_have_their_commands(capsys: pytest.CaptureFixture[str]) -> None:
    entries = {
        router.__main__.main: ["serve", "explain", "classify", "profile"],
        workers.__main__.main: ["topics", "status", "breaker", "dlq"],
        cache.__main__.main: ["stats", "invalidate", "wrong", "calibrate", "judge"],
        observability.__main__.main: ["ledger", "serve", "report", "waste", "quality"],
    }
    for entry, commands in entries.items():
        assert entry(["--help"]) == 0
        shown = capsys.readouterr().out.partition("Commands:")[2]
        assert [line.split()[0] for line in shown.splitlines() if line] == commands
    assert workers.__main__.main([]) == 2
    assert "which tier? for example: --tier economy" in capsys.readouterr().err


def test_an_errors_words_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """They may quote what a record or Redis holds."""
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise ValueError("first\n  second\x1b[2J")

    assert run_app(app, "x", []) == 2
    assert capsys.readouterr().err == "Error: first\n  second\\x1b[2J\n"
