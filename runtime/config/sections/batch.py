"""Batch offer section: a deployment's batch interface at its provider."""

from typing import Annotated

from pydantic import Field

from runtime.config.sections.section import EnvName, HttpAddress, Section


class BatchSettings(Section):
    """The pace of the batch pool, in seconds."""

    poll_s: Annotated[float, Field(gt=0)] = 60
    """Between two looks at a batch in its first hour; later five times as long."""
    submit_s: Annotated[float, Field(gt=0)] = 600
    """For how long one creation, with its upload, may take."""
    look_after_s: Annotated[float, Field(ge=0)] = 60
    """After a creation without a clear answer, until the provider's list is believed."""
    retry_s: Annotated[float, Field(gt=0)] = 60
    """Before a refused creation is tried again; doubled each time, up to half an hour."""
    margin_s: Annotated[float, Field(ge=0)] = 300
    """Between the moment when requests are back in their tier and their deadline."""
    cancel_s: Annotated[float, Field(ge=0)] = 1800
    """Until a cancelled batch can be read."""
    tier_tokens_per_min: Annotated[int, Field(ge=1)] = 2_000_000
    """What a tier can take of returned requests beside its own traffic."""


class BatchOffer(Section):
    """How requests that may wait are given to the provider; limits only narrow the provider's."""

    zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """Where batches are computed and kept, if not in the deployment's zone: Azure's Global Batch
    computes anywhere."""
    wire_model: str | None = None
    """The model's name in a batch, if it has one of its own: Azure's batch deployment."""
    window_h: Annotated[int, Field(ge=1, le=168)] = 24
    """Hours within which the provider means to be done."""
    max_requests: Annotated[int, Field(ge=1)] = 5_000
    """Requests in one batch: a lost upload or an expiry costs less than of a full one."""
    max_mb: Annotated[int, Field(ge=1)] = 50
    """Megabytes in one batch."""
    enqueued_tokens: Annotated[int, Field(ge=1)] | None = None
    """Prompt tokens that may lie in all open batches of the deployment; None: learned."""
    oldest_min: Annotated[float, Field(ge=0)] = 10
    """Minutes that the oldest request waits for others before its batch is formed."""
    api_base_url: HttpAddress | None = None
    """Bedrock's control plane, which has another address than its runtime."""
    api_base_url_env: EnvName | None = None
    bucket: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]{3,63}(/\S*)?$")] | None = None
    """Bedrock: where input and output of batches lie."""
    bucket_url: HttpAddress | None = None
    """Bedrock: the address of S3, if it isn't the region's."""
    role_arn: str | None = None
    """Bedrock: the role that reads and writes the bucket."""
