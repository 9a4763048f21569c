import pytest

from observability.tracing.tracer import TracingSettings
from runtime.process.process import tracing_of
from runtime.process.settings import ServiceSettings

TOLD = {
    "SWITCHGEAR_OTLP": "http://jaeger:4318",
    "SWITCHGEAR_TRACE_RATIO": "0.25",
    "SWITCHGEAR_TRACE_SLOW_S": "2.5",
    "SWITCHGEAR_TRACE_CONTENT": "true",
}


def test_what_the_environment_says_of_traces_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    assert tracing_of(ServiceSettings()) == TracingSettings(
        endpoint="http://jaeger:4318", sample_ratio=0.25, slow_ms=2500, content=True
    )


def test_by_default_nothing_is_exported_and_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    settings = tracing_of(ServiceSettings())
    assert settings.endpoint is None
    assert not settings.content
