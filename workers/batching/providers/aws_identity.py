"""AWS identity: each request of a batch interface signed, for Bedrock or for S3.

botocore signs: these requests are few. It reads the whole body for that, so a thread does it. It is
imported when the first one needs it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from workers.batching.providers.http_exchange import IdentityHeaders
from workers.providers.auth.aws import CredentialSource
from workers.providers.auth.sigv4 import AwsKeys, SigningScope
from workers.providers.base.call_outcome import BadCredentials


def aws_identity(find: CredentialSource, scope: SigningScope) -> IdentityHeaders:
    """scope: of the service `bedrock` or `s3`."""

    async def headers(method: str, url: str, body: bytes) -> Mapping[str, str] | BadCredentials:
        try:
            keys = await find()
        except Exception as error:  # noqa: BLE001 the chain raises whatever its links do
            message = f"the AWS credential chain failed: {type(error).__name__}"
            return BadCredentials(message=message, code="no_credentials")
        if keys is None:
            return BadCredentials(message="no AWS credentials", code="no_credentials")
        told = {"content-type": "application/json"} if method == "POST" else {}
        return await asyncio.to_thread(_sign, keys, scope, _Unsigned(method, url, told, body))

    return headers


@dataclass(frozen=True, slots=True)
class _Unsigned:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def _sign(keys: AwsKeys, scope: SigningScope, unsigned: _Unsigned) -> dict[str, str]:
    from botocore.auth import S3SigV4Auth, SigV4Auth  # noqa: PLC0415 for Bedrock's batches alone
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415 as above
    from botocore.credentials import Credentials  # noqa: PLC0415 as above

    request = AWSRequest(
        method=unsigned.method, url=unsigned.url, data=unsigned.body, headers=unsigned.headers
    )
    credentials = Credentials(keys.access_key, keys.secret_key, keys.token)
    kind = S3SigV4Auth if scope.service == "s3" else SigV4Auth
    kind(credentials, scope.service, scope.region).add_auth(request)
    return dict(request.headers.items())
