from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.stored_requests.index import Place
from gateway.stored_requests.receipt import Receipt
from gateway.webhook_rules.notice import NoticeAttempt
from gateway.webhooks.pending import PendingNotice, PendingNotices
from producers.kafka.broker import Partition

MOST, OF_TENANT, AGAIN_MS = 6, 2, 60_000


def ended(pending: PendingNotices, tenant: str, number: int) -> None:
    receipt = Receipt(
        id=f"{tenant}-{number}",
        tenant=tenant,
        dialect="chat",
        call={},
        digest="",
        created_ms=0,
        tier=None,
        webhooks=("team",),
    )
    pending.ended(receipt, Place(Partition("llm.replies", 0), number), number)


def told(notice: PendingNotice) -> NoticeAttempt:
    fields = {"id": notice.receipt.id, "tenant": notice.receipt.tenant, "endpoint": "team"}
    return NoticeAttempt.model_validate({**fields, "attempt": 1, "outcome": "delivered"})


def test_a_tenant_whose_endpoints_hang_holds_up_nobody_elses_notices() -> None:
    pending = PendingNotices(MOST, OF_TENANT)
    for number in range(1_000):
        ended(pending, "slow", number)
    ended(pending, "quick", 2_000)
    taken = pending.take_due(3_000, AGAIN_MS)
    assert Counter(notice.receipt.tenant for notice in taken) == {"slow": OF_TENANT, "quick": 1}


def test_whose_turn_was_longest_ago_is_next_where_there_are_too_few_places() -> None:
    pending = PendingNotices(2, 2)
    for tenant in "ab":
        for number in range(4):
            ended(pending, tenant, number)
    seen = []
    for _ in range(4):
        taken = pending.take_due(10, AGAIN_MS)
        seen.append({notice.receipt.tenant for notice in taken})
        for notice in taken:
            pending.attempted(told(notice))
            pending.sent(notice)
    assert seen == [{"a"}, {"b"}, {"a"}, {"b"}]
    assert len(pending) == 0


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.booleans())))
def test_no_more_are_sent_at_once_than_may_and_none_is_forgotten(
    steps: list[tuple[str, bool]],
) -> None:
    pending, under_way, done = PendingNotices(MOST, OF_TENANT), [], 0
    for number, (tenant, ends) in enumerate(steps):
        ended(pending, tenant, number)
        under_way += pending.take_due(number, AGAIN_MS)
        tenants = Counter(notice.receipt.tenant for notice in under_way)
        assert len(under_way) <= MOST
        assert max(tenants.values(), default=0) <= OF_TENANT
        if ends and under_way:
            notice = under_way.pop(0)
            pending.attempted(told(notice))
            pending.sent(notice)
            done += 1
    while under_way or pending.take_due(-1, AGAIN_MS):
        for notice in under_way:
            pending.attempted(told(notice))
            pending.sent(notice)
            done += 1
        under_way = pending.take_due(len(steps), AGAIN_MS)
    assert done == len(steps)
    assert len(pending) == 0
