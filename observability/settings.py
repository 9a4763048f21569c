"""What do the ledger, the reports and the live page take from their environment?"""

from pydantic import SecretStr

from producers.settings import KafkaSettings


class ObservabilitySettings(KafkaSettings):
    """The `SWITCHGEAR_…` variables.

    ledger: a DuckDB file or a store's URL, which may hold a password (`stores.ledger_at`).
    metrics_port: of the Prometheus endpoint; without it there is none.
    trace_url: where people look at a trace; `{trace_id}` is replaced.
    scrape: the processes' metrics addresses for the live page, `host:port` separated by commas.
    """

    ledger: SecretStr = SecretStr("var/ledger.duckdb")
    metrics_port: int | None = None
    log_level: str = "INFO"
    scrape: str = ""
    trace_url: str = "http://localhost:16686/trace/{trace_id}"
