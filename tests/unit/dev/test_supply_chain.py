"""Is each package of the image listed with its hash and licence, named if need be, and sound?"""

import json
from pathlib import Path

import pytest
from aiohttp import web

from dev.supply_chain import audit, digests
from dev.supply_chain.licences import is_copyleft, licence_of
from dev.supply_chain.pins import ROOT, SERVICE, Pin, pins
from dev.supply_chain.sbom import bill_of_materials

NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_the_bill_names_each_pin_with_its_hashes() -> None:
    components = bill_of_materials()["components"]
    lines = SERVICE.read_text(encoding="utf-8").splitlines()
    assert len(components) == sum("==" in line for line in lines) > 50
    assert all(each["hashes"] and each["purl"].startswith("pkg:pypi/") for each in components)
    references = [each["bom-ref"] for each in components]
    assert len(set(references)) == len(references)
    assert json.dumps(bill_of_materials()) == json.dumps(bill_of_materials())


def test_each_package_with_further_terms_is_in_the_notice() -> None:
    installed = {pin.name: licence_of(pin.name) for pin in pins(SERVICE)}
    named = {name for name, licence in installed.items() if licence and is_copyleft(licence)}
    assert {"psycopg", "certifi"} <= named
    assert {name for name in named if name not in NOTICE.replace(",", " ").split()} == set()
    # only other platforms' packages aren't installed here
    assert len([name for name, licence in installed.items() if licence is None]) < 5


def test_no_pin_is_affected_by_what_is_known() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert list(audit.affected(pins(file))) == []


def test_an_affected_pin_is_told() -> None:
    lines = list(audit.affected([Pin("urllib3", "2.6.9", ()), Pin("urllib3", "2.7.0", ())]))
    assert [line.partition(",")[0] for line in lines] == [
        "urllib3 2.6.9: CVE-2026-44431",
        "urllib3 2.6.9: CVE-2026-44432",
    ]


async def test_the_service_is_asked_for_every_pin() -> None:
    async def answer(request: web.Request) -> web.Response:
        queries = (await request.json())["queries"]
        bad = [query["package"]["name"] == "bad" for query in queries]
        results = [{"vulns": [{"id": "GHSA-1"}]} if each else {} for each in bad]
        return web.json_response({"results": results})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    pinned = [Pin("good", "1", ()), Pin("bad", "2", ())]
    assert await audit.affected_by_osv(pinned, url) == ["bad 2: GHSA-1"]
    await runner.cleanup()


def test_images_are_named_by_what_was_pulled() -> None:
    commands: list[list[str]] = []

    def run(command: list[str]) -> str:
        commands.append(command)
        repository = command[-1].rpartition(":")[0]
        return json.dumps([f"docker.io/{repository}@sha256:{'a' * 64}"])

    text = digests.override((ROOT / "docker-compose.yml").read_text(encoding="utf-8"), run)
    assert f"image: docker.io/apache/kafka@sha256:{'a' * 64}" in text
    assert "switchgear" not in text
    assert ["docker", "pull", "--quiet", "apache/kafka:4.1.1"] in commands


@pytest.mark.parametrize("name", ["NOTICE", "LICENSE"])
def test_the_image_and_the_wheel_carry_the_terms(name: str) -> None:
    project = Path(ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert name in project
    assert name in (ROOT / "Dockerfile").read_text(encoding="utf-8")
