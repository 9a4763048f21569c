"""What came of the requests: by the replies that were seen, and by what the providers billed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dev.simulator.ledger import question_name
from producers.contract import Chunk, Done, codec
from producers.contract.batch_record import BatchRecord
from producers.kafka.broker import Record

REFUSED: Final = frozenset({"refuse", "queue_full"})
"""Events of batches of which nothing was done, so nothing is paid."""


@dataclass(slots=True)
class Asked:
    """One request. deadline_s: from its submission; None: it has none."""

    question: str
    waits: bool
    deadline_s: float | None


@dataclass(slots=True)
class Account:
    """All requests, and what was heard of them."""

    asked: dict[str, Asked] = field(default_factory=dict)
    replies: dict[str, list[Any]] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    progress: int = 0

    def reply(self, record: Record) -> None:
        """A record of the reply topic."""
        reply = codec.decode_reply(record.value)
        if not isinstance(reply, Chunk):
            self.replies.setdefault(reply.id, []).append(reply)

    def batch(self, record: Record) -> None:
        """A record of `llm.batches`."""
        if record.value:
            batch = BatchRecord.model_validate_json(record.value)
            self.states.append(batch.state)
            if batch.state == "ended" and batch.results:
                self.progress += 1

    @property
    def answered(self) -> int:
        """Requests that have a final reply."""
        return len(self.replies)

    def figures(
        self, calls: Sequence[Mapping[str, Any]], batches: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The table. calls, batches: as the simulator tells them."""
        paid = [call for call in calls if call["status"] == 200]
        by_question = Counter(call["question"] for call in paid)
        halved = {call["question"] for call in paid if call["batch"]}
        waiting = {name: one for name, one in self.asked.items() if one.waits}
        half = sum(question_name(one.question) in halved for one in waiting.values())
        taken = (batch for batch in batches if batch["event"] not in REFUSED)
        contents = Counter(tuple(sorted(batch["lines"])) for batch in taken)
        return {
            "requests": len(self.asked),
            "eligible": len(waiting),
            "lost": len(self.asked.keys() - self.replies.keys()),
            "failed": sum(not isinstance(each[0], Done) for each in self.replies.values()),
            "answered_differently": sum(map(_differ, self.replies.values())),
            "deadlines_missed": sum(map(self._late, self.replies)),
            "batches": len(batches),
            "batches_paid_twice": sum(number - 1 for number in contents.values()),
            "requests_paid_twice": sum(number - 1 for number in by_question.values()),
            "at_half_price": half,
            "half_price_share": round(half / max(1, len(waiting)), 4),
            "replies_repeated": sum(len(each) - 1 for each in self.replies.values()),
        }

    def _late(self, name: str) -> bool:
        deadline_s, first = self.asked[name].deadline_s, self.replies[name][0]
        if deadline_s is None or not isinstance(first, Done):
            return False
        return bool(first.timings.total_ms > deadline_s * 1000)


def _differ(replies: Sequence[Any]) -> bool:
    return len({str(getattr(reply, "body", {}).get("choices")) for reply in replies}) > 1
