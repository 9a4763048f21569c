"""Does each configured tenant have a turn of its own, and do all others share one?"""

from producers.contract import codec
from producers.kafka.broker import Partition, Record
from runtime.consuming.fair_queue import Lane
from runtime.consuming.headers import LaneRules
from tests.flow.stage import catalog

RULES = LaneRules(lambda: catalog(tenants={"acme": {"weight": 3}, "t": {}, "*": {"weight": 2}}))


def record(tenant: str | None, sequence: str | None = None, latency: str | None = None) -> Record:
    headers = {
        codec.TENANT_HEADER: tenant,
        codec.SEQUENCE: sequence,
        codec.LATENCY: latency,
    }
    return Record(Partition("t", 0), 0, None, b"", codec.to_headers(headers), 0)


def test_a_configured_tenant_has_a_lane_of_its_own() -> None:
    assert RULES.lane(record("acme", "c", "batch")) == Lane("acme", 3, False, "c")  # noqa: FBT003


def test_whoever_invents_names_has_one_lane_for_all_of_them() -> None:
    invented = {RULES.lane(record(name)) for name in (None, "", "a", "b", "*", "x" * 9_000)}
    assert invented == {Lane("*", 2)}


def test_two_strangers_conversations_of_one_name_do_not_wait_for_each_other() -> None:
    first, second = (RULES.lane(record(name, "c")) for name in ("a", "b"))
    assert first.tenant == second.tenant
    assert first.sequence != second.sequence
    assert RULES.lane(record("a", "1:b")).sequence != RULES.lane(record("a1", ":b")).sequence


def test_without_a_section_for_strangers_they_share_one_all_the_same() -> None:
    closed = LaneRules(lambda: catalog(tenants={"t": {}}))
    assert closed.lane(record("invented")) == Lane("*")
