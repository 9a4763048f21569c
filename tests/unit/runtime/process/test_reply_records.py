from producers.contract import Failed, codec
from producers.contract.reply_address import ReplyAddress
from runtime.process.reply_records import failed_record

FAILED = Failed(id="r1", code="internal_error", message="it broke", retryable=False)
ADDRESS = ReplyAddress("llm.replies.mine", 3, (("kafka_correlationId", b"\xff\x00"),))


def test_a_failed_reply_is_found_by_its_requests_id_and_says_what_it_is() -> None:
    trace = [("traceparent", b"00-1-2-01")]
    record = failed_record(FAILED, ADDRESS, tenant="t", trace=trace)
    assert (record.topic, record.key, record.partition) == ("llm.replies.mine", b"r1", 3)
    assert codec.decode_reply(record.value) == FAILED
    assert dict(record.headers) == {
        "correlation_id": b"r1",
        "content-type": b"application/json",
        "x-tenant": b"t",
        "x-schema": b"switchgear/2",
        "traceparent": b"00-1-2-01",
        "kafka_correlationId": b"\xff\x00",
    }


def test_a_record_whose_tenant_nobody_knows_names_none() -> None:
    assert "x-tenant" not in dict(failed_record(FAILED, ReplyAddress()).headers)
