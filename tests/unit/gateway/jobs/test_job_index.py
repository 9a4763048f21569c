"""Job index: whatever is uploaded, a gateway remembers a bounded part, and each tenant its own."""

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs.job_index import KEPT_MS, JobIndex
from producers.contract import codec
from producers.contract.job_record import FileRecord, JobRecord
from producers.jobs.job_log import Entry
from producers.kafka.broker import Partition, Record
from runtime import limits
from runtime.limit import Limit

DAY = 86_400_000


class Clock:
    def __init__(self) -> None:
        self.now = 100 * DAY

    def __call__(self) -> int:
        return self.now


def job(number: int, tenant: str = "t", created_ms: int = 100 * DAY, **more: object) -> JobRecord:
    return JobRecord.model_validate(
        {
            "id": f"batch_{number:024x}",
            "tenant": tenant,
            "input_file": f"file-{1:024x}",
            "created_ms": created_ms,
            "deadline_ms": created_ms + DAY,
            **more,
        }
    )


def file(number: int, tenant: str = "t", created_ms: int = 100 * DAY) -> FileRecord:
    return FileRecord(
        id=f"file-{number:024x}",
        tenant=tenant,
        filename="f",
        size=1,
        pieces=1,
        created_ms=created_ms,
    )


def record(entry: Entry) -> Record:
    return Record(Partition("llm.jobs", 0), 0, entry.id.encode(), codec.encode(entry), (), 0)


def test_what_is_past_its_retention_is_forgotten() -> None:
    clock = Clock()
    index = JobIndex(clock)
    index.keep(job(1))
    index.keep(file(2))
    clock.now += KEPT_MS - 1
    assert index.jobs_of("t")
    assert index.files_of("t")
    clock.now += 1
    assert (index.files_of("t"), len(index.jobs_of("t"))) == ([], 1)
    clock.now += DAY
    assert index.job("t", job(1).id) is None
    assert index.size == 0
    index.receive_entry(record(job(1)))
    assert index.jobs_of("t") == []


def test_a_date_to_come_is_kept_no_longer() -> None:
    clock = Clock()
    index = JobIndex(clock)
    index.keep(job(1, created_ms=253_402_300_799_999 - DAY))
    clock.now += 61 * DAY
    assert index.jobs_of("t") == []


def test_the_tenant_with_the_most_loses_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KNOWN_JOBS", Limit("n", 100, "of them", "", ""))
    index = JobIndex(Clock())
    for number in range(20):
        index.keep(job(number, "small"))
    for number in range(1_000):
        index.keep(job(1_000 + number, "large", metadata={"k": "v" * 500}))
    assert len(index.jobs_of("small")) == 20
    newest = job(1_999, "large").id
    assert index.job("large", newest) is not None
    assert 60 <= len(index.jobs_of("large")) <= 80
    assert index.job("large", job(1_000, "large").id) is None


def test_their_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 4_000_000
    monkeypatch.setattr(limits, "KNOWN_JOBS_SIZE", Limit("n", most, "bytes", "", ""))
    index = JobIndex(Clock())
    metadata = {f"k{n}": "\U0001f600" * 512 for n in range(16)}
    tracemalloc.start()
    for number in range(2_000):
        large = job(number, f"t{number % 7}", metadata=metadata, lines=200_000)
        index.receive_entry(record(large))
        index.progress(large.id)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert index.size <= most
    assert taken <= 1.5 * most
    assert index.jobs


def entry(number: int, tenant: str, days: int, is_job: bool) -> Entry:  # noqa: FBT001 drawn
    of = (number, tenant, days * DAY)
    return job(*of) if is_job else file(*of)


ENTRIES: st.SearchStrategy[Entry] = st.builds(
    entry,
    st.integers(0, 20),
    st.sampled_from("ab"),
    st.integers(0, 200),
    st.booleans(),
)


@given(
    st.lists(ENTRIES | st.integers(0, 20).map(lambda n: job(n).id) | st.just("a day"), max_size=60)
)
def test_the_account_of_what_it_holds_is_true(
    steps: list[Entry | str],
) -> None:
    clock = Clock()
    index = JobIndex(clock)
    for step in steps:
        if step == "a day":
            clock.now += DAY
        elif isinstance(step, str):
            index.forget(step)
        else:
            index.keep(step)
    index.forget_old()
    held: list[Entry] = [*index.jobs.values(), *index.files.values()]
    own: list[Entry] = []
    for tenant in "ab":
        own += [*index.jobs_of(tenant), *index.files_of(tenant)]
    assert sorted(each.id for each in held) == sorted(each.id for each in own)
    for each in held:
        index.forget(each.id)
    assert index.size == 0


def test_a_cancelled_job_stays_so_and_another_tenants_record_changes_nothing() -> None:
    index = JobIndex(Clock())
    index.keep(job(1))
    index.keep(job(1, cancel_ms=100 * DAY))
    index.keep(job(1, published=500))
    index.keep(job(1, tenant="other"))
    known = index.job("t", job(1).id)
    assert known is not None
    assert (known.cancel_ms, known.published) == (100 * DAY, 500)
    assert index.progress(job(1).id).cost_micro_usd == Decimal(0)
