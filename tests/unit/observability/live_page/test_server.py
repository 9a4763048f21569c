import pytest
from aiohttp.test_utils import TestClient, TestServer

from observability.live_page.server import application, is_ours


@pytest.mark.parametrize(
    "host", ["localhost:8090", "127.0.0.1", "[::1]:8090", "live", "10.0.0.7:80", "page.example.com"]
)
def test_it_is_called_by_an_address_a_plain_name_or_one_of_ours(host: str) -> None:
    assert is_ours(host, {"page.example.com"})


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8090", "", "a b", "[::1",
     "evil.example@localhost", "page.example.com.", "x" * 300],
)  # fmt: skip
def test_any_other_name_is_refused(host: str) -> None:
    assert not is_ours(host, {"page.example.com"})


async def test_a_page_whose_name_leads_here_reads_nothing() -> None:
    async with TestClient(TestServer(application(lambda _: {"tenants": ["acme"]}))) as client:
        for path in ("/", "/events", "/healthz"):
            answer = await client.get(path, headers={"Host": "evil.example"})
            assert answer.status == 421
            assert "acme" not in await answer.text()
        assert (await client.get("/")).status == 200
