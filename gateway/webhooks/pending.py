"""Pending notices: what is still to be sent, as the topic tells it. Times: Unix milliseconds."""

import heapq
from collections import Counter
from dataclasses import dataclass, replace

from gateway.stored_requests.index import Place
from gateway.stored_requests.receipt import Receipt
from gateway.webhook_rules.notice import NoticeAttempt


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """One notice for one endpoint."""

    receipt: Receipt
    endpoint: str
    reply: Place
    ended_ms: int
    attempts: int
    """So far."""

    due_ms: int


class PendingNotices:
    """Those of all stored requests, each tenant's in the order of their time."""

    def __init__(self, most: int, most_of_tenant: int) -> None:
        """most: notices that are sent at once; most_of_tenant: of one tenant's."""
        self._most = most
        self._most_of_tenant = most_of_tenant
        self._notices: dict[tuple[str, str, str], PendingNotice] = {}
        self._due: dict[str, list[tuple[int, tuple[str, str, str]]]] = {}
        """By tenant; whose turn was longest ago comes first."""
        self._under_way: Counter[str] = Counter()

    def ended(self, receipt: Receipt, reply: Place, ended_ms: int) -> None:
        """A request has ended: its endpoints are to hear of it at once."""
        for endpoint in receipt.webhooks:
            notice = PendingNotice(receipt, endpoint, reply, ended_ms, 0, ended_ms)
            self._put((receipt.tenant, receipt.id, endpoint), notice)

    def attempted(self, attempt: NoticeAttempt) -> None:
        """Somebody has tried."""
        key = (attempt.tenant, attempt.id, attempt.endpoint)
        notice = self._notices.get(key)
        if notice is None or attempt.attempt <= notice.attempts:
            return
        if attempt.due_ms is None:
            del self._notices[key]
        else:
            self._put(key, replace(notice, attempts=attempt.attempt, due_ms=attempt.due_ms))

    def take_due(self, now_ms: int, again_ms: int) -> list[PendingNotice]:
        """Those whose time has come and that have a place, until `sent` is said of each.

        Endpoints that are slow, or far too many notices, cost their own tenant its places only. A
        notice comes again after `again_ms` if nobody tells of an attempt.
        """
        taken: list[PendingNotice] = []
        for tenant in tuple(self._due):
            own = self._take_of(tenant, now_ms, again_ms)
            if own:
                self._due[tenant] = self._due.pop(tenant)
            taken += own
            if not self._due[tenant]:
                del self._due[tenant]
        return taken

    def sent(self, notice: PendingNotice) -> None:
        """An attempt has ended: its place is free."""
        self._under_way[notice.receipt.tenant] -= 1
        self._under_way += Counter()  # those of none are forgotten

    def __len__(self) -> int:
        return len(self._notices)

    def _take_of(self, tenant: str, now_ms: int, again_ms: int) -> list[PendingNotice]:
        taken: list[PendingNotice] = []
        due = self._due[tenant]
        while due and due[0][0] <= now_ms and self._has_place(tenant):
            at_ms, key = heapq.heappop(due)
            notice = self._notices.get(key)
            if notice is not None and notice.due_ms == at_ms:
                taken.append(notice)
                self._under_way[tenant] += 1
                self._put(key, replace(notice, due_ms=now_ms + again_ms))
        return taken

    def _has_place(self, tenant: str) -> bool:
        own, all_ = self._under_way[tenant], self._under_way.total()
        return own < self._most_of_tenant and all_ < self._most

    def _put(self, key: tuple[str, str, str], notice: PendingNotice) -> None:
        self._notices[key] = notice
        heapq.heappush(self._due.setdefault(key[0], []), (notice.due_ms, key))
