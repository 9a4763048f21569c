"""Record guard: whose is this record, and did one of our own processes write it?

`trusted`: what a record says of itself counts, and nothing is checked. In the other modes a
sender's record counts for the tenant that its topic or its token proves; and what only our
processes write (tagged requests, retries, usage, dead letters) must bear their signature.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from producers.contract import codec, topics
from producers.kafka.broker import Record
from runtime.config.sections.identity import IdentityMode
from runtime.identity.record_signature import RecordSigner
from runtime.identity.tokens.claims import TokenRefused

if TYPE_CHECKING:
    from runtime.identity.token_verifier import TokenVerifier


@dataclass(frozen=True, slots=True)
class Unproven:
    """Whose it is, the record says, and that counts here."""


@dataclass(frozen=True, slots=True)
class ProvenSender:
    """It is this tenant's, whatever it says of itself."""

    tenant: str
    ours: bool = False
    """Whether a process of ours wrote it in the tenant's name."""


@dataclass(frozen=True, slots=True)
class SenderRefused:
    """Nobody knows whose it is."""

    message: str
    retryable: bool = False


Sender: TypeAlias = Unproven | ProvenSender | SenderRefused

_UNPROVEN: Final = Unproven()
_FORGED: Final = SenderRefused(f"its {codec.SIGNATURE} isn't ours")


class ForbiddenError(ValueError):
    """A record says what its sender may not say."""


class RecordGuard:
    """How this process knows whose records are; by default it takes their word."""

    def __init__(
        self,
        mode: IdentityMode = "trusted",
        signer: RecordSigner | None = None,
        verifier: "TokenVerifier | None" = None,
    ) -> None:
        """Raises ValueError for a mode that lacks what it needs."""
        require_router_key(mode, signer)
        if mode == "signed" and verifier is None:
            raise ValueError("identity: signed needs the section tokens")
        self._mode = mode
        self._signer = signer
        self._verifier = verifier
        self.strict: Final = mode != "trusted"
        """Whether a record's word doesn't count."""

    def genuine(self, record: Record) -> bool:
        """Whether it may be taken for our own processes' work."""
        return not self.strict or self._by_us(record)

    async def sender(self, record: Record, shared: str) -> Sender:
        """Whose it is. shared: the topic that its own topic may be a tenant's part of."""
        if not self.strict:
            return _UNPROVEN
        if codec.header(record.headers, codec.SIGNATURE) is not None:
            tenant = codec.header(record.headers, codec.TENANT_HEADER)
            genuine = tenant is not None and self._by_us(record)
            return ProvenSender(tenant, ours=True) if genuine and tenant is not None else _FORGED
        by_topic = topics.tenant_of_topic(record.partition.topic, shared)
        if self._mode == "topic":
            return ProvenSender(by_topic) if by_topic is not None else _no_topic(shared)
        return await self._by_token(record, by_topic)

    async def require(
        self, record: Record, shared: str, claimed: str | None
    ) -> ProvenSender | None:
        """The sender, when it may speak for `claimed`; None where everybody's word counts.

        Raises ForbiddenError.
        """
        sender = await self.sender(record, shared)
        if isinstance(sender, Unproven):
            return None
        if isinstance(sender, SenderRefused):
            raise ForbiddenError(sender.message)
        if claimed is not None and claimed != sender.tenant:
            raise ForbiddenError("it speaks for a tenant that isn't its sender")
        return sender

    def lane_tenant(self, record: Record) -> str:
        """Whose queue a request waits in, without awaiting anything; empty: nobody's we know."""
        claimed = codec.header(record.headers, codec.TENANT_HEADER) or ""
        if not self.strict:
            return claimed
        if codec.header(record.headers, codec.SIGNATURE) is not None:
            return claimed if self._by_us(record) else ""
        if self._mode == "topic":
            return topics.tenant_of_topic(record.partition.topic, topics.REQUESTS) or ""
        token = _token(record)
        known = None if token is None or self._verifier is None else self._verifier.known(token)
        return "" if known is None or isinstance(known, TokenRefused) else known.tenant

    async def _by_token(self, record: Record, by_topic: str | None) -> Sender:
        token = _token(record)
        assert self._verifier is not None  # noqa: S101 the constructor sees to it
        if token is None:
            return SenderRefused(f"it has no token: send one in the header {codec.TENANT_TOKEN}")
        verified = await self._verifier.verify(token, record.timestamp_ms / 1000)
        if isinstance(verified, TokenRefused):
            return SenderRefused(f"its token is refused: {verified.message}", verified.retryable)
        if by_topic not in (None, verified.tenant):
            return SenderRefused("its token and its topic are of two tenants")
        return ProvenSender(verified.tenant)

    def _by_us(self, record: Record) -> bool:
        return self._signer is not None and self._signer.genuine(record)


def require_router_key(mode: IdentityMode, signer: RecordSigner | None) -> None:
    """Raises ValueError where records must be signed and there is no key to do it with."""
    if mode != "trusted" and signer is None:
        raise ValueError(
            f"identity: {mode} needs SWITCHGEAR_ROUTER_KEY, the same for every process"
        )


def of_tenant(record: Record, tenant: str) -> Record:
    """The record without what proved its sender, and in the name of the one that was proven."""
    replaced = {codec.TENANT_HEADER, codec.TENANT_TOKEN, codec.SIGNATURE}
    headers = [pair for pair in record.headers if pair[0] not in replaced]
    return replace(record, headers=[*headers, (codec.TENANT_HEADER, tenant.encode())])


def _token(record: Record) -> bytes | None:
    return next((value for name, value in record.headers if name == codec.TENANT_TOKEN), None)


def _no_topic(shared: str) -> SenderRefused:
    return SenderRefused(f"nobody's word counts on this topic: write to {shared}.<tenant>")
