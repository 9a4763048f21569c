"""Pending notices: what is still to be sent, as the topic tells it. Times: Unix milliseconds."""

import heapq
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
    """Those of all stored requests."""

    def __init__(self) -> None:
        self._notices: dict[tuple[str, str, str], PendingNotice] = {}
        self._due: list[tuple[int, tuple[str, str, str]]] = []

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
        """Those whose time has come. They come again after `again_ms` if nobody tells of them."""
        due: list[PendingNotice] = []
        while self._due and self._due[0][0] <= now_ms:
            at_ms, key = heapq.heappop(self._due)
            notice = self._notices.get(key)
            if notice is not None and notice.due_ms == at_ms:
                due.append(notice)
                self._put(key, replace(notice, due_ms=now_ms + again_ms))
        return due

    def __len__(self) -> int:
        return len(self._notices)

    def _put(self, key: tuple[str, str, str], notice: PendingNotice) -> None:
        self._notices[key] = notice
        heapq.heappush(self._due, (notice.due_ms, key))
