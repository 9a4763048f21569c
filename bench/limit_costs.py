"""Cost of the limits: what looking at a request's size, values and headers takes, and of how much.

`python -m bench.limit_costs` prints microseconds of CPU, the least of several runs. The whole is
the pure part of one request: decoded, decided and tagged by the router, read again and translated
for a provider by the worker; without Kafka, Redis and HTTP, which take several times as much.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from dev.fuzz_readers.contract_readers import read_request, record
from producers.contract import codec
from producers.json_values import too_many_values
from producers.kafka.broker import Record
from router.serve.record_checks import crowded_headers, unreadable
from runtime.config.sections.contract import ContractSettings

_SENTENCE: Final = "The order came late, and the invoice is wrong. "
_HEADERS: Final = [
    *((codec.CORRELATION_ID, b"r"), (codec.TENANT_HEADER, b"t"), (codec.REPLY_TO, b"llm.replies")),
    *((codec.SCHEMA_HEADER, b"switchgear/2"), (codec.SUBMITTED, b"1790000000000")),
]
_RUNS: Final = 5


def request(characters: int, turns: int) -> bytes:
    """A conversation of so many characters."""
    text = _SENTENCE * (characters // turns // len(_SENTENCE) + 1)
    messages = [{"role": "user", "content": text}] * turns
    return json.dumps({"id": "r", "tenant": "t", "body": {"messages": messages}}).encode()


def microseconds(act: Callable[[], object], times: int) -> float:
    """Of CPU for one; the least of the runs."""
    least = float("inf")
    for _ in range(_RUNS):
        begun = time.process_time()
        for _ in range(times):
            act()
        least = min(least, (time.process_time() - begun) / times)
    return least * 1e6


def look(asked: Record, contract: ContractSettings) -> None:
    """At everything that a request's limits bound before its JSON is parsed, in both processes."""
    unreadable(asked, contract, framed=False)
    crowded_headers(asked)
    for _ in ("router", "worker"):
        too_many_values(asked.value, codec.MAX_MESSAGE_VALUES)


def main() -> None:
    """Prints a line for each size."""
    contract = ContractSettings()
    for characters, turns, times in ((400, 1, 200), (40_000, 20, 50), (300_000, 50, 10)):
        raw = request(characters, turns)
        whole = microseconds(partial(read_request, raw), times)
        cost = microseconds(partial(look, record(raw, _HEADERS), contract), 100 * times)
        share = f"limits {cost:,.1f} us, {cost / whole:.1%}"
        print(f"{len(raw):>9,} bytes  {whole:>9,.0f} us  {share}")


if __name__ == "__main__":
    main()
