"""Client wheel: a stranger installs it beside a package called `cache`, and talks to Kafka."""

import asyncio
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest

from producers.contract import Failed, codec
from producers.contract.topics import REPLIES, REQUESTS
from producers.kafka.aiokafka_broker import KafkaBroker
from producers.kafka.broker import Outgoing, Record
from producers.settings import KafkaSettings
from runtime.config.config_file import parse_config
from runtime.consuming.topics_admin import create_missing_topics
from tests.packaging.wheels import BUILT, ROOT, fresh_python, run, wheel_of
from tests.rules import source

EXAMPLES: Final = ("submit.py", "stream.py", "bulk_consumer.py")

FOREIGN_PROJECT: Final = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "somebody-elses-cache"
version = "1"
[tool.setuptools]
packages = ["cache"]
"""

CONVERSATION: Final = """
import asyncio, sys
import cache
from switchgear_client import ClientSettings, RouterClient, chat

async def main() -> None:
    async with RouterClient.connect(ClientSettings(kafka=sys.argv[1])) as client:
        reply = await client.submit(chat("hello", tenant="wheel"), timeout=30)
    print(cache.OWNER, reply.type, reply.message)

asyncio.run(main())
"""

TYPED_USE: Final = """
from switchgear_client import Chunk, Done, Failed, RouterClient, chat

async def ask(client: RouterClient) -> str | None:
    reply: Done | Failed = await client.submit(chat("hi", tenant="t", model="economy"), timeout=5)
    return reply.trace_id

async def read(client: RouterClient) -> None:
    async for part in client.stream(chat([{"role": "user", "content": "hi"}], tenant="t")):
        seen: Chunk | Done | Failed = part
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("client") / "project"
    shutil.copytree(ROOT / "producers", project, ignore=BUILT)
    return wheel_of(project)


@pytest.fixture(scope="module")
def foreign_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("foreign")
    (project / "pyproject.toml").write_text(FOREIGN_PROJECT)
    (project / "cache").mkdir()
    (project / "cache" / "__init__.py").write_text('OWNER = "somebody else"\n')
    return wheel_of(project)


@pytest.fixture(scope="module")
def strangers_python(
    wheel: Path, foreign_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The interpreter of a fresh environment with the client and a foreign `cache`."""
    return fresh_python(tmp_path_factory.mktemp("stranger"), wheel, foreign_wheel)


def test_the_wheel_holds_one_package_and_the_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "switchgear_client"
    }
    assert "switchgear_client/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    held = {name.removeprefix("switchgear_client/") for name in names if ".dist-info/" not in name}
    modules = source.tracked("producers/*.py")
    expected = {str(path.relative_to(ROOT / "producers")) for path in modules}
    assert held == expected | {"py.typed"}


def test_the_licence_is_the_repositorys() -> None:
    assert (ROOT / "producers" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_clients_requirements_are_among_the_services() -> None:
    projects = [ROOT / "producers" / "pyproject.toml", ROOT / "pyproject.toml"]
    client, service = (
        {re.split(r"[\[<>=]", requirement)[0]: requirement for requirement in dependencies}
        for dependencies in (
            tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
            for project in projects
        )
    )
    for name, requirement in client.items():
        assert re.sub(r"\[.*\]", "", service[name]) == requirement


def test_a_type_checker_understands_the_client(strangers_python: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(TYPED_USE)
    alone = ["--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    fresh = f"--python-executable={strangers_python}"
    users = [tmp_path / "use.py", *(ROOT / "examples" / name for name in EXAMPLES)]
    run(sys.executable, "-m", "mypy", "--strict", *alone, fresh, *users)


@pytest.mark.kafka
async def test_the_installed_client_gets_its_reply(
    strangers_python: Path, kafka: str, tmp_path: Path
) -> None:
    (tmp_path / "conversation.py").write_text(CONVERSATION)
    settings = KafkaSettings(kafka=kafka)
    catalog = parse_config((ROOT / "switchgear.yaml").read_text())
    await create_missing_topics(settings, catalog, partitions=2, replication=1)
    asked: asyncio.Queue[Record] = asyncio.Queue()
    async with KafkaBroker(settings, "engine") as broker, broker.tail(REQUESTS, asked.put_nowait):
        client = await asyncio.create_subprocess_exec(
            strangers_python,
            tmp_path / "conversation.py",
            kafka,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
        )
        record = await asked.get()
        request = codec.decode_request(record.value)
        partition = codec.integer(record.headers, codec.REPLY_PARTITION)
        refusal = Failed(id=request.id, code="overloaded", message="try later", retryable=True)
        await broker.publish(
            Outgoing(REPLIES, codec.encode(refusal), request.id.encode(), partition=partition)
        )
        said, _ = await client.communicate()
    assert said.decode() == "somebody else failed try later\n"
