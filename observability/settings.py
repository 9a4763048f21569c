"""What do the ledger, the reports and the live page take from their environment?"""

from pathlib import Path

from producers.settings import KafkaSettings


class ObservabilitySettings(KafkaSettings):
    """The `SWITCHGEAR_…` variables.

    ledger: the ledger's file. metrics_port: of the Prometheus endpoint; without it there is none.
    trace_url: where people look at a trace; `{trace_id}` is replaced.
    scrape: the processes' metrics addresses for the live page, `host:port` separated by commas.
    """

    ledger: Path = Path("var/ledger.duckdb")
    metrics_port: int | None = None
    log_level: str = "INFO"
    scrape: str = ""
    trace_url: str = "http://localhost:16686/trace/{trace_id}"
