"""Opening of a process's record guard, with the token keys that it needs."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from runtime.config.sections.identity import IdentitySettings
from runtime.identity.record_guard import RecordGuard
from runtime.identity.record_signature import RecordSigner

_log: Final = logging.getLogger(__name__)


def report_identity_change(started: IdentitySettings, now: IdentitySettings) -> None:
    """Tells an operator that what the file says of identity now isn't in force."""
    if now != started:
        _log.warning("identity is read at the start: it stays %s until a restart", started.mode)


@asynccontextmanager
async def record_guard(
    identity: IdentitySettings, signer: RecordSigner | None, environment: Mapping[str, str]
) -> AsyncIterator[RecordGuard]:
    """The guard that `identity` asks for. Raises ValueError or OSError when it lacks a key."""
    if identity.mode != "signed" or identity.tokens is None:
        yield RecordGuard(identity.mode, signer)
        return
    from runtime.identity.key_source import token_verifier  # noqa: PLC0415 - 14 MB for who has tokens

    async with token_verifier(identity.tokens, environment) as verifier:
        yield RecordGuard(identity.mode, signer, verifier)
