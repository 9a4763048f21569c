"""Service settings: the environment variables of router and workers."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from producers.settings import KafkaSettings


class ServiceSettings(KafkaSettings):
    """The `SWITCHGEAR_…` variables of router and workers."""

    redis: str = "redis://localhost:6379"
    config: Path = Path("switchgear.yaml")
    otlp: str | None = None
    """OTLP/HTTP base address, e.g. `http://jaeger:4318`; without it no trace is exported."""

    otlp_metrics: str | None = None
    """The same for metrics, where nobody scrapes."""

    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of traces recorded in any case; besides, those that fail, change the tier, or take
    longer than trace_slow_s."""

    trace_slow_s: Annotated[float, Field(gt=0)] = 10
    trace_content: bool = False
    """Traces hold prompts and answers."""

    metrics_port: int | None = None
    """Of the Prometheus endpoint; without it there is none, 0 takes any free one."""

    backlog_mb: Annotated[int, Field(ge=16)] = 256
    """Megabytes of records that may wait in a process's memory, for each queue it reads."""

    router_key: Annotated[str | None, Field(repr=False)] = None
    """By which the processes sign what they write for one another, at least 32 bytes; the same for
    all of them. Needed unless `identity` is `trusted`."""

    router_key_previous: Annotated[str | None, Field(repr=False)] = None
    """Also believed, while `router_key` is being replaced."""

    cancel_without_tenant: bool = False
    """Whether a cancellation that names no tenant stops any tenant's request with its id: for
    clients of the first version, while they are being upgraded."""

    log_level: str = "INFO"
    session_timeout_s: Annotated[float, Field(gt=0)] = 10
    """After how long Kafka gives a silent member's partitions to others."""

    partitions: Annotated[int, Field(ge=1)] = 12
    """Of each topic that is created."""

    replication: Annotated[int, Field(ge=1)] = 1
    """Of each topic that is created."""
