"""Readers that are fuzzed, by name; each has a folder in the corpus."""

from collections.abc import Mapping
from typing import Final

from dev.fuzz_readers.contract_readers import CONTRACT_READERS
from dev.fuzz_readers.corpus import seeds_of
from dev.fuzz_readers.provider_readers import PROVIDER_READERS
from dev.fuzz_readers.running import Reader
from producers.contract import codec
from producers.kafka.aiokafka_broker import MAX_RECORD_BYTES
from runtime import limits

_SLOW: Final[Mapping[str, float]] = {"configuration": 2.0, "batch": 0.15}
"""The operator's own file is read on a thread; a batch may inflate to 16 MiB, which takes 43 ms."""

_SIZES: Final[Mapping[str, int]] = {
    "request": codec.MAX_REQUEST_BYTES,
    "tagged": MAX_RECORD_BYTES,
    "headers": limits.HEADER_BYTES.value,
    "reply": MAX_RECORD_BYTES,
    "answer": limits.PROVIDER_BODY.value,
    "stream": limits.PROVIDER_BODY.value,
    "demands": limits.HEADER_BYTES.value,
    "token": limits.TOKEN.value,
    "key_set": limits.JWKS.value,
}
"""Bytes beyond which production refuses before it reads; a megabyte where nothing else is said."""

READERS: Final[Mapping[str, Reader]] = {
    name: Reader(name, reads, seeds_of(name), _SLOW.get(name, 0.05), _SIZES.get(name, 1_048_576))
    for name, reads in {**CONTRACT_READERS, **PROVIDER_READERS}.items()
}
