"""Contenders: the gateways that are measured, each in front of the same stand-in provider."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dev.processes import Child, Server, free_port
from dev.simulator.process import Running

ROOT: Final = Path(__file__).parents[2]
MODEL: Final = "gpt-4o-mini"
_KEY: Final = "sk-simulated"
_LITELLM: Final = "1.108.7"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to the provider."""

    name: str
    url: str
    """Of its chat completions."""

    model: str
    headers: Mapping[str, str] = field(default_factory=dict)
    processes: tuple[Child, ...] = ()
    """Whose CPU counts; none for the provider itself."""


def provider(simulator: Running) -> Contender:
    """Nothing in between: what the others are held against."""
    url = f"{simulator.address}/openai/v1/chat/completions"
    return Contender("provider", url, MODEL, {"authorization": f"Bearer {_KEY}"})


def switchgear(gateway: Server) -> Contender:
    """Ours; its CPU is that of the gateway alone, its time that of the whole flow behind it."""
    url = f"http://{gateway.address}/v1/chat/completions"
    return Contender("switchgear", url, "economy", {}, (gateway,))


@contextmanager
def portkey(simulator: Running, folder: Path) -> Iterator[Contender]:
    """Portkey's gateway, from npm."""
    home = ROOT / "var" / "bench_gateway"
    entry = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not entry.exists():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (home / name).write_text((Path(__file__).parent / name).read_text("utf-8"), "utf-8")
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=home, check=True)  # noqa: S607
    port = free_port()
    argv = ["node", str(entry), f"--port={port}", "--headless"]
    environment = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    with _serving(
        Server("portkey", argv, folder / "portkey.log", environment, port=port)
    ) as server:
        headers = {
            "authorization": f"Bearer {_KEY}",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{simulator.address}/openai/v1",
        }
        url = f"http://{server.address}/v1/chat/completions"
        yield Contender("portkey", url, MODEL, headers, (server,))


@contextmanager
def litellm(simulator: Running, folder: Path) -> Iterator[Contender]:
    """LiteLLM's proxy, in an environment of its own."""
    home = ROOT / "var" / "litellm"
    if not (home / "bin" / "litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, f"litellm[proxy]=={_LITELLM}"], check=True)
    entry = {
        "model_name": MODEL,
        "litellm_params": {
            "model": f"openai/{MODEL}",
            "api_base": f"{simulator.address}/openai/v1",
            "api_key": _KEY,
        },
    }
    config = folder / "litellm.json"
    config.write_text(json.dumps({"model_list": [entry]}), "utf-8")
    port = free_port()
    argv = [str(home / "bin" / "litellm"), "--config", str(config), "--port", str(port)]
    argv += ["--host", "127.0.0.1", "--telemetry", "False"]
    own = {
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "NO_DOCS": "True",
    }
    server = Server("litellm", argv, folder / "litellm.log", own, port=port, ready_within_s=180)
    with _serving(server):
        url = f"http://{server.address}/v1/chat/completions"
        yield Contender("litellm", url, MODEL, {"authorization": "Bearer sk-any"}, (server,))


@contextmanager
def _serving(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def gateway_server(folder: Path, environment: Mapping[str, str]) -> Server:
    """Our gateway's process, in front of a flow that runs."""
    port = free_port()
    command = ["gateway", "--port", str(port), "--anonymous", "bench"]
    argv = [sys.executable, "-m", "switchgear", *command]
    return Server("gateway", argv, folder / "gateway.log", {**os.environ, **environment}, port=port)


NAMES: Final = ("provider", "switchgear", "portkey", "litellm")


def all_of(
    parts: ExitStack, simulator: Running, gateway: Server, folder: Path, names: Sequence[str]
) -> list[Contender]:
    """The contenders of these names, started."""
    started = {"provider": provider(simulator), "switchgear": switchgear(gateway)}
    if "portkey" in names:
        started["portkey"] = parts.enter_context(portkey(simulator, folder))
    if "litellm" in names:
        started["litellm"] = parts.enter_context(litellm(simulator, folder))
    return [contender for name, contender in started.items() if name in names]
