"""Laws of stream reading: what holds of every damaged stream, and one attempt to break them."""

from itertools import pairwise
from random import Random
from typing import Final

from dev.fuzz_streams.damage import DAMAGES, Damaged
from dev.fuzz_streams.reading import Ending, message_of, read, said, spoken, text_of
from dev.fuzz_streams.recordings import DIALECTS, Recording, recordings

_SIZES: Final = (1, 9, *[40] * 4, *[200] * 8, *[1000] * 10)
"""Most bytes of a chunk: small ones are slow to read, so they are few."""


def chunked(random: Random, stream: bytes) -> list[bytes]:
    """`stream` in chunks of random sizes, some of one byte."""
    most = random.choice(_SIZES)
    places = [0]
    while places[-1] < len(stream):
        places.append(places[-1] + 1 + int(random.random() * most))
    return [stream[start:end] for start, end in pairwise(places)]


def violations(recording: Recording, damaged: Damaged, whole: Ending, split: Ending) -> list[str]:
    """The laws that the reading of one damaged stream broke."""
    broken = []
    if (whole.kind, whole.answer) != (split.kind, split.answer):
        broken.append(f"split: {whole.kind} in one chunk, {split.kind} in several")
    if spoken(whole.deltas) != spoken(split.deltas):
        broken.append("split: other deltas")
    if whole.answer is None:
        return broken
    message = message_of(whole.answer)
    texts, thoughts, arguments = spoken(whole.deltas)
    # a refusal in blocks comes as text, and stands in its own field once it is known as one
    if texts not in {text_of(message.get("content")), text_of(message.get("refusal"))}:
        broken.append("the answer's text isn't what its deltas said")
    if isinstance(message.get("reasoning_content", ""), str) and thoughts != text_of(
        message.get("reasoning_content")
    ):
        broken.append("the answer's thoughts aren't what its deltas said")
    calls = message.get("tool_calls") or []
    # an object without arguments is `{}` in the answer and nothing in the deltas
    called = [call["function"]["arguments"] for call in calls]
    if called != [arguments.get(n, "") or called[n] for n in range(len(calls))]:
        broken.append("the answer's arguments aren't what its deltas said")
    lacks = recording.said - said(message)
    # what begins with a colon is a comment to every reader
    lines = b"\n" + damaged.stream.replace(b"\r", b"\n")
    commented = recording.dialect != "bedrock" and b"\n:" in lines
    hidden = damaged.may_lack is None or commented
    if not hidden and lacks > (damaged.may_lack or 0):
        broken.append(f"shorter by {lacks} characters, and told as an answer")
    return broken


def attempt(dialect: str, seed: int, number: int) -> tuple[str, str, list[str]]:
    """Mutation `number` of a dialect: (the damage, how its reading ended, the laws it broke)."""
    random = Random((seed << 40) + number)
    found = recordings(dialect)
    recording = found[random.randrange(len(found))]
    damage = DAMAGES[number % len(DAMAGES)]
    damaged = damage(random, recording)
    reader = DIALECTS[dialect]
    try:
        whole = read(reader, [damaged.stream])
        split = read(reader, chunked(random, damaged.stream))
        broken = violations(recording, damaged, whole, split)
    except Exception as error:  # noqa: BLE001 - what the shell doesn't know is the finding
        return damage.__name__, "raised", [f"raised {type(error).__name__}: {error}"]
    same = whole.answer is not None and message_of(whole.answer) == recording.message
    return damage.__name__, "the same answer" if same else whole.kind, broken
