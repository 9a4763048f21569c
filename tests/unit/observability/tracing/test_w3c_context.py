import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from observability.tracing.w3c_context import (
    CarriedContext,
    TraceContext,
    extract_context,
    in_ratio,
    inject_context,
    parse_traceparent,
    tenant_of,
    with_tenant,
)

VALID = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
hexadecimal = st.text(alphabet="0123456789abcdef", max_size=34)
contexts = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    sampled=st.booleans(),
    tracestate=st.sampled_from(["", "vendor=1,other=2"]),
)


@given(contexts)
def test_what_is_injected_is_extracted(context: TraceContext) -> None:
    headers: list[tuple[str, bytes | None]] = [*inject_context(context, "k=v")]
    assert extract_context(headers) == CarriedContext(context, "k=v")


@given(contexts)
def test_opentelemetry_reads_what_we_write(context: TraceContext) -> None:
    carrier = {key: value.decode() for key, value in inject_context(context)}
    theirs = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    assert theirs.trace_id == context.trace_id
    assert theirs.span_id == context.span_id
    assert theirs.trace_flags.sampled == context.sampled


@given(
    st.one_of(
        st.builds("{}-{}-{}-{}".format, hexadecimal, hexadecimal, hexadecimal, hexadecimal),
        st.builds(
            "{}-{:032x}-{:016x}-{:02x}{}".format,
            st.sampled_from(["00", "01", "ff", "0", "zz"]),
            st.integers(0, 2**128 - 1),
            st.integers(0, 2**64 - 1),
            st.integers(0, 255),
            st.sampled_from(["", "-", "-x", "x"]),
        ),
        st.text(),
    )
)
def test_a_header_is_valid_for_us_if_it_is_valid_for_opentelemetry(text: str) -> None:
    carrier = {"traceparent": text}
    theirs = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    ours = parse_traceparent(text)
    assert (ours is not None) == theirs.is_valid
    if ours is not None:
        assert (ours.trace_id, ours.span_id) == (theirs.trace_id, theirs.span_id)


@given(st.integers(0, 2**128 - 1), st.floats(0, 1))
def test_hops_of_any_opentelemetry_service_sample_the_same_traces(
    trace_id: int, ratio: float
) -> None:
    decision = TraceIdRatioBased(ratio).should_sample(None, trace_id, "any").decision
    assert in_ratio(trace_id, ratio) == (decision is Decision.RECORD_AND_SAMPLE)


@given(st.text(min_size=1, max_size=50))
def test_baggage_names_the_tenant_that_was_verified(tenant: str) -> None:
    forged = with_tenant("a=1", "somebody-else")
    assert tenant_of(with_tenant(forged, tenant)) == tenant
    assert with_tenant(forged, tenant).startswith("a=1,")


def test_baggage_that_grew_too_long_is_cut_to_the_tenant() -> None:
    assert with_tenant("k=" + "v" * 9000, "acme") == "switchgear.tenant=acme"


def test_null_and_broken_headers_begin_a_new_trace() -> None:
    assert extract_context([("traceparent", None), ("baggage", b"\xff")]).parent is None
    assert extract_context([("traceparent", b"nonsense")]).parent is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tracestate", b"k=" + b"v" * 511),
        ("tracestate", b",".join(b"k%d=v" % n for n in range(33))),
        ("tracestate", b"://" * 20_000),
        ("baggage", b"k=" + b"v" * 8_191),
        ("baggage", b",".join(b"k%d=v" % n for n in range(65))),
    ],
)
def test_headers_beyond_the_w3cs_limits_are_dropped(name: str, value: bytes) -> None:
    carried = extract_context([("traceparent", VALID), (name, value)])
    assert carried.parent is not None
    assert (carried.parent.tracestate, carried.baggage) == ("", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tracestate", b"k=" + b"v" * 510),
        ("tracestate", b",".join(b"k%d=v" % n for n in range(32))),
        ("baggage", b"k=" + b"v" * 8_190),
        ("baggage", b",".join(b"k%d=v" % n for n in range(64))),
    ],
)
def test_headers_at_the_w3cs_limits_travel_on(name: str, value: bytes) -> None:
    carried = extract_context([("traceparent", VALID), (name, value)])
    assert carried.parent is not None
    assert carried.parent.tracestate + carried.baggage == value.decode()


def test_an_endless_traceparent_begins_a_new_trace() -> None:
    assert extract_context([("traceparent", b"01" + VALID[2:] + b"-x" * 50_000)]).parent is None
