"""Java, Go and TypeScript, written from `docs/contract.md` and the schemas, on a real broker."""

from collections.abc import Iterator

import pytest
import redis
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.example_programs import EXAMPLES, build_example
from dev.processes import Server, free_port
from dev.redis_server import url_of
from tests.integration.fleet_processes import fleet_processes
from tests.polyglot.programs import Line, Program
from tests.readiness import blocking_until_ready

pytestmark = [
    pytest.mark.polyglot,
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("language", sorted(EXAMPLES), scope="module"),
]
PARTITIONS = 4
PROMPTS = {
    "go": "How does a B-tree split a full page?",
    "java": "Which rivers flow into the Black Sea?",
    "typescript": "Why do leaves turn red in autumn?",
}
"""Unlike each other, so that the cache answers none."""


@pytest.fixture(scope="module")
def flow(
    kafka: str, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The brokers of a router and a worker, both ready, whose provider is the simulator."""
    with redis.Redis.from_url(url_of(redis_server)) as client:
        client.flushall()
    settings = {
        "SWITCHGEAR_KAFKA": kafka,
        "SWITCHGEAR_REDIS": url_of(redis_server),
        "SWITCHGEAR_PARTITIONS": str(PARTITIONS),
        "SWITCHGEAR_LOG_LEVEL": "WARNING",
        "SWITCHGEAR_METRICS_PORT": str(worker_port := free_port()),
    }
    router = {"SWITCHGEAR_METRICS_PORT": str(router_port := free_port())}
    with fleet_processes(tmp_path_factory.mktemp("flow"), settings, router=router) as fleet:
        # an example waits a minute for its answer, and the time that these take to start isn't its
        for child, port in ((fleet.router, router_port), (fleet.worker, worker_port)):
            blocking_until_ready(child, port)
        fleet.simulator.control(tokens_per_s=50)  # so slow that an answer takes several chunks
        yield kafka


@pytest.fixture(scope="module")
def built(language: str) -> str:
    """The language, its example built."""
    build_example(language)
    return language


@pytest.fixture
async def replies(flow: str, built: str, request: pytest.FixtureRequest) -> str:
    """A reply topic of the test's own, there before anybody asks."""
    topic = f"llm.replies.{built}.{request.node.originalname}"
    admin = AIOKafkaAdminClient(bootstrap_servers=flow)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    return topic


def answers(lines: list[Line]) -> set[str]:
    """The ids of final replies, each of which must be an answer."""
    final = [line for line in lines if line["type"] in ("done", "failed")]
    assert [line for line in final if line["type"] == "failed"] == []
    return {line["id"] for line in final}


def assigned(lines: list[Line]) -> list[int]:
    """The partitions of the last assignment."""
    last = [line["partitions"] for line in lines if line["type"] == "assigned"][-1:]
    return last[0] or [] if last else []


def test_an_answer_comes_back_to_who_asked(flow: str, built: str, replies: str) -> None:
    (done,) = Program(built, "ask", flow, replies, "What is a mutex?").finished()
    assert done["type"] == "done"
    assert done["body"]["choices"][0]["message"]["content"]
    assert done["route"]["tier"] == "economy"


def test_an_answer_comes_in_pieces_that_make_the_whole(flow: str, built: str, replies: str) -> None:
    *chunks, done = Program(built, "stream", flow, replies, PROMPTS[built]).finished()
    assert len(chunks) > 1
    pieces = [chunk["delta"].get("content") or "" for chunk in chunks]
    assert "".join(pieces) == done["body"]["choices"][0]["message"]["content"]


def test_replies_are_read_while_members_come_and_go(flow: str, built: str, replies: str) -> None:
    """Each reply is read by one of a group at least once, through two rebalances."""

    def publish(count: int) -> set[str]:
        lines = Program(built, "publish", flow, replies, str(count)).finished()
        return {line["id"] for line in lines}

    first = Program(built, "collect", flow, replies, f"{built}-group")
    asked = publish(20)
    first.until(lambda lines: asked <= answers(lines), "the first replies")
    second = Program(built, "collect", flow, replies, f"{built}-group")
    second.until(lambda lines: bool(assigned(lines)), "a share for the second member")
    asked |= publish(20)
    before = first.stop()
    second.until(lambda lines: len(assigned(lines)) == PARTITIONS, "all partitions for the second")
    asked |= publish(20)
    second.until(lambda lines: asked <= answers(lines) | answers(before), "every reply")
    assert answers(second.stop()) | answers(before) == asked
