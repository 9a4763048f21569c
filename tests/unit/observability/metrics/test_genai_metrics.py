import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics as theirs
from opentelemetry.semconv.metrics.http_metrics import HTTP_SERVER_REQUEST_DURATION
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from observability.metrics.genai_metrics import CalledModel, observe_call
from observability.metrics.names import OTEL_METRICS
from observability.metrics.otlp_push import metrics_data
from observability.metrics.registry import MetricsRegistry
from producers.contract import Attempt, Usage

CALLED = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "claude-haiku-4-5"}
BEDROCK = {**CALLED, "gen_ai_provider_name": "aws.bedrock"}


def called(*attempts: Attempt, first_chunk_s: float | None = 0.3) -> MetricsRegistry:
    metrics = MetricsRegistry()
    for attempt in attempts:
        observe_call(metrics, attempt, CalledModel("aws", "claude-haiku-4-5"), first_chunk_s)
    return metrics


ANSWERED = Attempt(
    deployment="d", outcome="ok", duration_ms=1500, usage=Usage(input_uncached=70, output=9)
)
CUT = Attempt(
    deployment="d",
    outcome="cancelled",
    duration_ms=200,
    usage=Usage(input_uncached=70, output=1),
    usage_estimated=True,
)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        ("gen_ai_client_operation_duration_seconds", theirs.GEN_AI_CLIENT_OPERATION_DURATION),
        (
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            theirs.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK,
        ),
        ("gen_ai_client_token_usage", theirs.GEN_AI_CLIENT_TOKEN_USAGE),
        ("gen_ai_server_request_duration_seconds", theirs.GEN_AI_SERVER_REQUEST_DURATION),
        ("gen_ai_server_time_to_first_token_seconds", theirs.GEN_AI_SERVER_TIME_TO_FIRST_TOKEN),
        ("http_server_request_duration_seconds", HTTP_SERVER_REQUEST_DURATION),
    ],
)
def test_the_names_are_opentelemetrys(ours: str, name: str) -> None:
    assert OTEL_METRICS[ours][0] == name
    # Prometheus' way of writing it: dots become underscores, the unit ends the name
    unit = {"s": "_seconds", "{token}": ""}[OTEL_METRICS[ours][1]]
    assert ours == name.replace(".", "_") + unit


def test_a_call_is_on_the_page_by_the_conventions() -> None:
    metrics = called(ANSWERED)
    page = generate_latest(metrics.registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    duration = families["gen_ai_client_operation_duration_seconds"]
    bounds = [s.labels["le"] for s in duration.samples if s.name.endswith("_bucket")]
    assert [float(bound) for bound in bounds[:-1]] == [
        *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
    ]
    tokens = families["gen_ai_client_token_usage"]
    bounds = [s.labels["le"] for s in tokens.samples if s.name.endswith("_bucket")]
    assert (bounds[0], bounds[13]) == ("1.0", "6.7108864e+07")
    value = metrics.value
    assert value(f"{tokens.name}_sum", **BEDROCK, gen_ai_token_type="input") == 70
    assert value(f"{tokens.name}_sum", **BEDROCK, gen_ai_token_type="output") == 9
    assert value(f"{duration.name}_sum", **BEDROCK, error_type="") == 1.5
    first = "gen_ai_client_operation_time_to_first_chunk_seconds_sum"
    assert value(first, **BEDROCK) == 0.3


def test_reckoned_tokens_and_whole_answers_have_no_such_metric() -> None:
    value = called(CUT, first_chunk_s=None).value
    duration = "gen_ai_client_operation_duration_seconds_count"
    assert value(duration, **BEDROCK, error_type="cancelled") == 1
    assert value("gen_ai_client_token_usage_count", **BEDROCK, gen_ai_token_type="input") is None
    assert value("gen_ai_client_operation_time_to_first_chunk_seconds_count", **BEDROCK) is None


def test_otlp_has_the_conventions_names_units_and_attributes() -> None:
    metrics = called(ANSWERED)
    metrics.observe("http_server_request_duration_seconds", "POST", "/v1/x", "200", "", value=0.1)
    (resource,) = encode_metrics(metrics_data(metrics, "worker", 1, 2)).resource_metrics
    sent = {metric.name: metric for metric in resource.scope_metrics[0].metrics}
    duration = sent["gen_ai.client.operation.duration"]
    assert duration.unit == "s"
    (point,) = duration.histogram.data_points
    assert point.sum == 1.5
    assert {a.key: a.value.string_value for a in point.attributes} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "claude-haiku-4-5",
    }
    assert sent["gen_ai.client.token.usage"].unit == "{token}"
    (request,) = sent["http.server.request.duration"].histogram.data_points
    numbers = {a.key: a.value.int_value for a in request.attributes}
    assert numbers["http.response.status_code"] == 200
    assert "error.type" not in numbers
