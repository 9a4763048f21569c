import json
from http.client import HTTPConnection

from observability.health import ProcessHealth
from observability.metrics.registry import MetricsRegistry
from observability.process_endpoint import process_endpoint


def asked(port: int, path: str) -> tuple[int, list[str]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    problems: list[str] = json.loads(answer.read())["problems"]
    connection.close()
    return answer.status, problems


def test_a_process_is_ready_when_nothing_is_against_it() -> None:
    stopping: list[str] = []
    health = ProcessHealth()
    health.add(lambda: stopping[0] if stopping else None)
    with process_endpoint(MetricsRegistry(), 0, "127.0.0.1", health) as port:
        assert asked(port, "/readyz") == (503, ["starting"])
        health.started()
        assert asked(port, "/readyz") == (200, [])
        health.report("queue", "Kafka doesn't answer")
        stopping.append("stopping")
        assert asked(port, "/readyz") == (503, ["Kafka doesn't answer", "stopping"])
        health.report("queue", None)
        stopping.clear()
        assert asked(port, "/readyz") == (200, [])


def test_a_process_lives_while_its_loop_turns() -> None:
    now = [0.0]
    health = ProcessHealth(lambda: now[0])
    with process_endpoint(MetricsRegistry(), 0, "127.0.0.1", health) as port:
        now[0] = 29
        assert asked(port, "/healthz") == (200, [])
        now[0] = 31
        assert asked(port, "/healthz") == (503, ["the loop stands still"])
