"""OAuth bearer tokens for Amazon MSK: a URL signed by AWS credentials (MSK IAM).

A token is a signed request for `kafka-cluster:Connect` (AWS Signature Version 4), good for 900 s or
until its credentials end. Signing takes no network, so each new connection gets a token of its own
and none is kept. botocore finds the credentials as every AWS tool does, and renews them; the client
brings it with the extra `msk`.
"""

import asyncio
import base64
from functools import cache
from typing import TYPE_CHECKING, Final

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import SaslAuthenticationFailed

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

_SERVICE: Final = "kafka-cluster"
_ACTION: Final = "kafka-cluster:Connect"
_USER_AGENT: Final = "switchgear"
_LIFE_S: Final = 900
"""The most that MSK takes; its own signers use the same."""


class MskToken(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka ships no types
    """A token of the machine's AWS identity, signed anew for each connection."""

    def __init__(self, region: str, credentials: "Credentials") -> None:
        self._region = region
        self._credentials = credentials

    async def token(self) -> str:
        """Raises SaslAuthenticationFailed, without the credentials and without what AWS says."""
        try:
            # credentials that end soon are renewed here, over the network
            current = await asyncio.to_thread(self._credentials.get_frozen_credentials)
            return signed_token(self._region, current)
        except Exception as error:  # noqa: BLE001 botocore's errors have no base of their own
            message = f"no AWS credentials for MSK: {type(error).__name__}"
            raise SaslAuthenticationFailed(message) from None


def signed_token(region: str, credentials: "ReadOnlyCredentials") -> str:
    """The token that begins now."""
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 - what only MSK needs
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 - as above

    request = AWSRequest(
        "GET", url=f"https://kafka.{region}.amazonaws.com/", params={"Action": _ACTION}
    )
    SigV4QueryAuth(credentials, _SERVICE, region, expires=_LIFE_S).add_auth(request)
    # beside the signature, as MSK's own signers send it
    request.params = {"User-Agent": _USER_AGENT}
    url: str = request.prepare().url
    return base64.urlsafe_b64encode(url.encode()).rstrip(b"=").decode()


@cache
def machine_token(region: str) -> MskToken:
    """The tokens of the identity that this machine has; looked up once in a process's life.

    Raises OSError in words: without botocore, for a region that AWS doesn't have, and without
    credentials.
    """
    try:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - what only MSK needs
        from botocore.session import get_session  # noqa: PLC0415 - as above
    except ImportError:
        raise OSError("kafka_oauth_msk_region needs botocore: the extra `msk`") from None
    session = get_session()
    try:
        session.get_partition_for_region(region)
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise OSError(f"kafka_oauth_msk_region={region}: {error}") from None
    if credentials is None:
        raise OSError(
            f"kafka_oauth_msk_region={region} needs AWS credentials: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, a profile, or a role of this machine or pod"
        )
    return MskToken(region, credentials)
