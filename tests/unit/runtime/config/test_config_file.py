import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.config_file import ConfigError, parse_config

GOOD = """\
default_baseline: a
models:
  m: {family: f, context_window: 8000}
deployments:
  a:
    model: m
    provider: p
    base_url: http://x
    zone: us
tiers:
  economy:
    deployments: [a]
"""


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return caught.value.problems


def test_a_good_file() -> None:
    assert list(parse_config(GOOD).tiers) == ["economy"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("model: m", "model: n", "line 6: deployments.a.model: 'n' is not defined; defined are: m"),
        ("[a]", "[a, b]", "line 12: tiers.economy.deployments.1: 'b' is not defined; "),
        ("baseline: a", "baseline: zzz", "line 1: default_baseline: 'zzz' is not defined; defined"),
        ("zone: us", "zome: us", "line 5: deployments.a.zone: this key is missing; add it"),
        ("zone: us", "zone: us\n    zome: eu", "line 10: deployments.a.zome: unknown key; remove"),
        ("8000", "-1", "line 3: models.m.context_window: Input should be greater than or equal"),
        ("8000", "many", "line 3: models.m.context_window: Input should be a valid integer"),
        ("provider: p", "model: m", "line 7: deployments.a.model: also defined on line 6; keep"),
        ("provider: p", "provider: [", "not YAML"),
        ("provider: p", "provider: 2024-99-99", "not YAML: month must be in 1..12"),
        ("provider: p", "provider: *p", "line 7: not YAML: found undefined alias"),
    ],
)
def test_every_mistake_has_its_line_and_its_fix(old: str, new: str, problem: str) -> None:
    problems = problems_of(GOOD.replace(old, new, 1))
    assert any(problem in told for told in problems), problems


@pytest.mark.parametrize("text", ["", "[]", "just words", "1"])
def test_what_is_no_mapping(text: str) -> None:
    assert problems_of(text)[0].startswith("line 1: the file: Input should be")


def test_all_mistakes_are_told_at_once() -> None:
    assert (
        len(problems_of(GOOD.replace("[a]", "[b, c]").replace("baseline: a", "baseline: z"))) == 3
    )


@given(st.text(max_size=60))
def test_no_text_gets_another_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)
