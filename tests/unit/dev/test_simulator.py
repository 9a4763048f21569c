"""The simulator's own rules: repeatable, exact about limits and caches, clear about what it is."""

import json
from typing import Any

import pytest

from dev.simulator.answers import NOTICE, Script, answer, sample
from dev.simulator.conduct import Settings
from dev.simulator.exchange import Asked, Block
from dev.simulator.ledger import account
from dev.simulator.limits import Limits
from dev.simulator.prefix_cache import PrefixCache

ACCOUNT = ("key", "model")


def asked(dialect: Any = "anthropic", model: str = "claude-sonnet-4-6", **told: Any) -> Asked:  # noqa: ANN401 - fields of Asked
    fields = {"blocks": (), "question": "What is a queue?", **told}
    return Asked(dialect, "p", model, "key", **fields)


def test_the_same_seed_and_question_give_the_same_answer_that_says_what_it_is() -> None:
    one, two = answer(asked(), Script(), 7), answer(asked(), Script(), 7)
    assert one == two
    assert one.text.startswith(NOTICE)
    assert answer(asked(), Script(), 8) != one
    assert answer(asked(question="Another?"), Script(), 7) != one


def test_a_script_answers_known_prompts_a_model_s_own_line_first() -> None:
    lines = [
        {"prompt": "What is a queue?", "answer": "A line."},
        {"prompt": "What is a queue?", "answer": "FIFO.", "models": ["expert"]},
    ]
    script = Script(map(json.dumps, lines))
    assert answer(asked(), script, 0).text == "A line."
    assert answer(asked(model="expert"), script, 0).text == "FIFO."


def test_an_answer_stops_where_it_is_told_to() -> None:
    script = Script(['{"prompt": "What is a queue?", "answer": "one two three four"}'])
    assert answer(asked(stop=("three",)), script, 0).text == "one two "
    short = answer(asked(max_tokens=2), script, 0)
    assert (short.text, short.finish) == ("one two ", "length")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"a": {"enum": ["x"]}}}, {"a": "x"}),
        ({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2}, [3, 3]),
        ({"anyOf": [{"const": 1}, {"type": "null"}]}, 1),
        ({"type": ["string", "null"]}, "simulated"),
    ],
)
def test_samples_satisfy_their_schema(schema: dict[str, Any], value: object) -> None:
    assert sample(schema) == value


def test_faults_come_in_their_share_and_repeat_with_the_seed() -> None:
    def drawn(seed: int) -> list[str | None]:
        settings = Settings(seed)
        settings.set({"target": "m", "faults": {"overloaded": 0.3}})
        conduct = settings.conduct("m", "k")
        return [settings.fault(conduct, "m", "k", b"%d" % n) for n in range(1000)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 250 < drawn(1).count("overloaded") < 350


def test_announced_faults_come_once_and_exact_targets_win() -> None:
    settings = Settings(0)
    settings.set({"next": ["hang"], "latency_ms": 5})
    settings.set({"target": "m", "latency_ms": 9})
    settings.set({"target": "key:k", "rpm": 60})
    conduct = settings.conduct("m", "k")
    assert (conduct.latency_ms, conduct.rpm) == (9, 60)
    assert [settings.fault(conduct, "m", "k", b"") for _ in range(2)] == ["hang", None]


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown: \['latency'\]"):
        Settings(0).set({"latency": 1})


def test_a_limit_refills_by_the_second() -> None:
    limits = Limits()
    waits = [
        limits.admit(ACCOUNT, rpm=2, tpm=None, size=1, now=now).wait_s for now in (0, 0, 0, 30)
    ]
    assert waits == [None, None, 30, None]


def test_a_marked_prefix_is_written_read_renewed_and_forgotten() -> None:
    cache = PrefixCache()
    prompt = asked(blocks=(Block("x" * 8000, "5m"), Block("question")))
    counts = [cache.count(prompt, 1, now, now) for now in (0, 200, 450, 800)]
    assert [(count.written_5m, count.read) for count in counts] == [
        (2000, 0),
        (0, 2000),
        (0, 2000),
        (2000, 0),
    ]
    assert all(count.prompt == 2002 for count in counts)


def test_an_entry_can_be_read_only_once_its_answer_has_begun() -> None:
    cache = PrefixCache()
    prompt = asked(blocks=(Block("x" * 8000, "1h"),))
    first, meanwhile, after = (cache.count(prompt, 1, now, now + 5) for now in (0, 1, 20))
    assert (first.written_1h, meanwhile.written_1h, after.read) == (2000, 2000, 2000)


def test_a_short_prefix_is_silently_not_cached() -> None:
    prompt = asked(model="claude-haiku-4-5", blocks=(Block("x" * 8000, "5m"),))
    assert PrefixCache().count(prompt, 1, 0, 0).written_5m == 0


def test_the_ledger_names_accounts_without_their_keys() -> None:
    assert account("sk-secret") == account("sk-secret") != account("sk-other")
    assert "secret" not in account("sk-secret")
