"""Webhook delivery: due notices are sent by one gateway of the fleet, and the outcome is recorded.

A lease in Redis chooses the gateway. Without Redis several may send the same notice, under the same
`webhook-id`: an endpoint has to expect that anyway.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.stored_requests.index import Place
from gateway.stored_requests.receipt import Receipt
from gateway.stored_requests.store import Finished, StoredRequests, StoreUnavailableError
from gateway.webhook_rules.addresses import url_refusal
from gateway.webhook_rules.notice import (
    NoticeAttempt,
    notice_body,
    notice_id_of,
    read_attempt,
)
from gateway.webhook_rules.retry_schedule import (
    Delivered,
    GiveUpNotice,
    TryAgain,
    Verdict,
    after_attempt,
)
from gateway.webhook_rules.signature import read_secret, signed_headers
from gateway.webhooks.http_sender import SendResult, WebhookSender
from gateway.webhooks.pending import PendingNotice, PendingNotices
from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, Publisher, PublishFailedError, Record
from runtime.config.sections.gateway import Webhook
from runtime.process.dead_letters import crash_detail
from runtime.redis.connection import RedisLink
from runtime.redis.key_names import joined, named

_log: Final = logging.getLogger(__name__)
_LEASE_MS: Final = 60_000
"""Longer than an attempt: a gateway that was killed during one is replaced after this."""
_AT_ONCE: Final = 64
_OF_ONE_TENANT: Final = 8
"""Of these: whose endpoints take 20 s for each attempt hold up nobody else's notices."""
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """What delivery needs of the process."""

    stored: StoredRequests
    publisher: Publisher
    sender: WebhookSender
    link: RedisLink | None
    """None: nobody else sends."""

    endpoints: Callable[[], Mapping[str, Webhook]]
    environment: Mapping[str, str]
    report: Callable[[str], None]
    """Gets `delivered`, `failed` or `gave_up` for each attempt."""


class WebhookDelivery:
    """The notices of the fleet, as this gateway knows them."""

    def __init__(self, parts: WebhookParts) -> None:
        self._parts = parts
        self.pending: Final = PendingNotices(_AT_ONCE, _OF_ONE_TENANT)
        self._gone: set[str] = set()
        """Addresses that have answered 410."""
        self._freed = asyncio.Event()
        parts.stored.finished.append(self._ended)
        parts.stored.notices.append(self._attempted)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._freed.clear()
                for notice in self.pending.take_due(_now_ms(), _LEASE_MS):
                    tasks.create_task(self._handle(notice))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._freed.wait()

    def _ended(self, receipt: Receipt, reply: Place, ended_ms: int) -> None:
        self.pending.ended(receipt, reply, ended_ms)

    def _attempted(self, record: Record) -> None:
        self.pending.attempted(read_attempt(record.value))

    async def _handle(self, notice: PendingNotice) -> None:
        try:
            if await self._is_ours(notice):
                await self._attempt(notice)
        except (PublishFailedError, StoreUnavailableError) as error:
            _log.warning("webhook %s: %s; it comes again", notice.endpoint, error)
        except Exception as error:  # noqa: BLE001 one notice's defect is no other's
            _log.error("webhook %s: %s; it comes again", notice.endpoint, crash_detail(error))
        finally:
            self.pending.sent(notice)
            self._freed.set()

    async def _is_ours(self, notice: PendingNotice) -> bool:
        link, receipt = self._parts.link, notice.receipt
        if link is None:
            return True
        numbers = str(receipt.created_ms), str(notice.attempts)
        text = joined(receipt.tenant, receipt.id, notice.endpoint, *numbers)
        key = named("webhook", text)
        taken = await link.run(lambda: link.redis.set(key, "1", nx=True, px=_LEASE_MS))
        return bool(taken) or not link.up

    async def _attempt(self, notice: PendingNotice) -> None:
        receipt, number = notice.receipt, notice.attempts + 1
        result = await self._send(notice)
        verdict: Verdict = GiveUpNotice()
        if result is not None:
            verdict = after_attempt(number, result.status, result.retry_after_s, random.random())
        due_ms, status = None, None if result is None else result.status
        match verdict:
            case Delivered():
                outcome = "delivered"
            case TryAgain(pause_s=pause_s):
                outcome, due_ms = "failed", _now_ms() + int(pause_s * 1000)
            case GiveUpNotice(endpoint_gone=gone):
                outcome = "gave_up"
                endpoint = self._parts.endpoints().get(notice.endpoint)
                if gone and endpoint is not None:
                    self._gone.add(endpoint.url)
        _log.info("webhook %s of %s: %s, %s", notice.endpoint, receipt.id, outcome, status)
        self._parts.report(outcome)
        told = NoticeAttempt.model_validate(
            {
                "id": receipt.id,
                "tenant": receipt.tenant,
                "endpoint": notice.endpoint,
                "attempt": number,
                "outcome": outcome,
                "status": status,
                "due_ms": due_ms,
            }
        )
        headers = codec.to_headers({codec.TENANT_HEADER: receipt.tenant})
        record = Outgoing(topics.STORED, codec.encode(told), receipt.id.encode(), headers)
        await self._parts.publisher.publish(record)

    async def _send(self, notice: PendingNotice) -> SendResult | None:
        """None: it can't be sent, now or later."""
        endpoint, receipt = self._parts.endpoints().get(notice.endpoint), notice.receipt
        if endpoint is None or endpoint.tenant != receipt.tenant or endpoint.url in self._gone:
            return None
        state = await self._parts.stored.state(receipt.tenant, receipt.id)
        if not isinstance(state, Finished):
            return None
        refusal = url_refusal(endpoint.url, endpoint.ports, private=endpoint.private)
        keys = _keys(endpoint, self._parts.environment)
        if refusal is not None or not keys:
            _log.error("webhook %s: %s", notice.endpoint, refusal or "its secrets can't be read")
            return SendResult(None)
        name = notice_id_of(receipt.tenant, receipt.id, receipt.created_ms, notice.endpoint)
        body = notice_body(name, receipt.id, state.reply, notice.ended_ms)
        headers = signed_headers(name, int(time.time()), body, keys)
        return await self._parts.sender.post(endpoint.url, headers, body, private=endpoint.private)


def _keys(endpoint: Webhook, environment: Mapping[str, str]) -> list[bytes]:
    try:
        return [read_secret(environment[name]) for name in endpoint.secrets_env]
    except (KeyError, ValueError):
        return []


def _now_ms() -> int:
    return int(time.time() * 1000)
