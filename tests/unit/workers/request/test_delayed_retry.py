from observability.tracing.tracer import Tracer
from producers.contract import codec, topics
from producers.kafka.broker import Outgoing, Partition, Record
from runtime.process.dead_letters import REASON
from workers.request.delayed_retry import return_when_due, wait_s


class Sent(list[Outgoing]):
    async def publish(self, *outgoing: Outgoing) -> None:
        self.extend(outgoing)


def record(due_ms: int, target: bytes = b"llm.tier.economy", delay_ms: int = 10_000) -> Record:
    headers = [(codec.DUE, str(due_ms).encode()), (codec.TARGET, target), ("mine", b"kept")]
    return Record(Partition(topics.retry_topic_name(delay_ms), 0), 1, b"k", b"v", headers, 0)


def test_a_record_waits_until_it_is_due() -> None:
    assert wait_s(record(due_ms=105_000), now=100) == 5
    assert wait_s(record(due_ms=105_000), now=200) == 0


def test_a_clock_that_was_set_back_by_an_hour_delays_nothing_by_an_hour() -> None:
    assert wait_s(record(due_ms=3_605_000), now=0) == 10


async def test_a_due_record_goes_back_to_its_queue() -> None:
    sent = Sent()
    await return_when_due(sent, Tracer("test", None), record(due_ms=0))
    assert sent == [Outgoing("llm.tier.economy", b"v", b"k", [("mine", b"kept")])]


async def test_a_record_can_not_be_sent_anywhere_but_to_a_queue() -> None:
    sent = Sent()
    await return_when_due(sent, Tracer("test", None), record(due_ms=0, target=b"llm.usage"))
    assert [outgoing.topic for outgoing in sent] == [topics.DEAD_LETTERS]
    assert codec.header(sent[0].headers, REASON) == "invalid_request"
