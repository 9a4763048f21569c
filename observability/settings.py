"""Settings of the ledger, the reports and the live page, from the environment."""

from pydantic import SecretStr

from producers.settings import KafkaSettings


class ObservabilitySettings(KafkaSettings):
    """The `SWITCHGEAR_…` variables."""

    ledger: SecretStr = SecretStr("var/ledger.duckdb")
    """A DuckDB file or a store's URL, which may hold a password (`selection.ledger_at`)."""
    report_key: SecretStr | None = None
    """By which reports are signed, of Ed25519: a PEM or JWK, or the name of its file."""
    metrics_port: int | None = None
    """Of the Prometheus endpoint; without it there is none."""
    log_level: str = "INFO"
    scrape: str = ""
    """The processes' metrics addresses for the live page, `host:port` separated by commas."""
    page_hosts: str = ""
    """Names with a dot that the live page may be called by, separated by commas, such as that of
    the proxy before it; addresses and names without a dot are taken in any case."""
    trace_url: str = "http://localhost:16686/trace/{trace_id}"
    """Where people look at a trace; `{trace_id}` is replaced."""
