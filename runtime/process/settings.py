"""What does a service process take from its environment?"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from producers.settings import KafkaSettings


class ServiceSettings(KafkaSettings):
    """The `SWITCHGEAR_…` variables of router and workers.

    otlp: OTLP/HTTP base address, e.g. `http://jaeger:4318`; without it no trace is exported.
    otlp_metrics: the same for metrics, where nobody scrapes.
    trace_ratio: share of traces recorded in any case; besides, those that fail, change the tier, or
    take longer than trace_slow_s. trace_content: with prompts and answers.
    metrics_port: of the Prometheus endpoint; without it there is none, 0 takes any free one.
    session_timeout_s: after how long Kafka gives a silent member's partitions to others.
    """

    redis: str = "redis://localhost:6379"
    config: Path = Path("switchgear.yaml")
    otlp: str | None = None
    otlp_metrics: str | None = None
    trace_ratio: Annotated[float, Field(ge=0, le=1)] = 0.1
    trace_slow_s: Annotated[float, Field(gt=0)] = 10
    trace_content: bool = False
    metrics_port: int | None = None
    log_level: str = "INFO"
    session_timeout_s: Annotated[float, Field(gt=0)] = 10
    partitions: Annotated[int, Field(ge=1)] = 12
    replication: Annotated[int, Field(ge=1)] = 1
