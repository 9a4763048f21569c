from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.config.catalog import Catalog
from runtime.config.config_file import (
    MAX_PROBLEMS,
    ConfigError,
    ConfigProblem,
    check_config,
    parse_config,
    read_config,
)
from runtime.config.config_schema import keys_at

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
WHOLE: Final = f"""{GOOD}\
    timeout_s: 9
tenants:
  acme:
    residency: [eu]
    budget_usd_day: 5
    tag_budgets: {{"team=*": {{usd_day: 1}}}}
    baseline: a
checks:
  invoice: acme.checks:invoice
policy:
  min_quality: 0.7
  ordered_tier: economy
  aliases: {{gpt-4: auto}}
  rules:
    - when: {{tasks: [legal], tenants: [acme], latency: [batch], min_tokens: 5, max_tokens: 9}}
      at_least: economy
  tasks:
    legal:
      tiers: [economy]
      success: {{economy: 0.9}}
      validators: [{{kind: contains, texts: [total]}}, {{kind: named, name: invoice}}]
  budget: {{soft: 0.5, when_spent: cheapest}}
  cascade: {{enabled: false}}
  learning:
    enabled: true
    witnesses: {{judge: {{catches: 0.5}}}}
cache:
  defaults: {{ttl_s: 60}}
  tiers: {{economy: {{ttl_s: 30}}}}
  tenants: {{acme: {{steps: [exact]}}}}
  embedder: {{kind: none, api_key_env: A_KEY}}
"""
CHECK: Final = "policy.tasks.legal.validators.0"
CHECK_BY_NAME: Final = "policy.tasks.legal.validators.1"


def problems_of(text: str) -> tuple[ConfigProblem, ...]:
    problems = check_config(text)
    assert isinstance(problems, tuple)
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert caught.value.problems == problems
    return problems


@pytest.mark.parametrize("text", [GOOD, WHOLE, Path("switchgear.yaml").read_text("utf-8")])
def test_a_good_file(text: str) -> None:
    catalog = check_config(text)
    assert isinstance(catalog, Catalog)
    assert next(iter(catalog.tiers)) == "economy"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("model: m", "model: n", "line 6: deployments.a.model: 'n' is not defined; defined are: m"),
        ("[a]", "[a, b]", "line 12: tiers.economy.deployments.1: 'b' is not defined; "),
        ("baseline: a", "baseline: zzz", "line 1: default_baseline: 'zzz' is not defined; defined"),
        ("zone: us", "zome: us", "line 5: deployments.a.zone: this key is missing; add it"),
        (
            "zone: us",
            "zone: us\n    zome: eu",
            "line 10: deployments.a.zome: unknown key; did",
        ),
        ("8000", "-1", "line 3: models.m.context_window: this value can't be used; it should be g"),
        ("8000", "many", "line 3: models.m.context_window: this value can't be used; it should be"),
        ("provider: p", "model: m", "line 7: deployments.a.model: also defined on line 6; keep"),
        ("provider: p", "provider: [", "not YAML"),
        ("provider: p", "provider: 2024-99-99", "not YAML: month must be in 1..12"),
        ("provider: p", "provider: *p", "line 7: the file: not YAML: found undefined alias"),
    ],
)
def test_every_mistake_has_its_line_and_its_fix(old: str, new: str, problem: str) -> None:
    problems = [str(mistake) for mistake in problems_of(GOOD.replace(old, new, 1))]
    assert any(problem in words for words in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "where", "what", "fix"),
    [
        # deployments and tiers
        ("    zone: us", "    zone: u s", "deployments.a.zone", "", "match pattern"),
        ("http://x", "x:8000", "deployments.a.base_url", "", "match pattern"),
        ("http://x", "http://me:pw@x", "deployments.a.base_url", "", "match pattern"),
        ("http://x", "http://x:99999", "deployments.a.base_url", "host or port", "change"),
        ("http://x", "http://x:0", "deployments.a.base_url", "nobody listens", "change"),
        ("http://x", "http://[::1/v1", "deployments.a.base_url", "host or port", "change"),
        ("http://x", '"http://x/v1\\0"', "deployments.a.base_url", "no address has", "change"),
        ("  economy:\n    d", "  eco.eu:\n    d", "tiers.eco.eu", "", "match pattern"),
        ("timeout_s: 9", "timeout_s: .inf", "tiers.economy.timeout_s", "", "finite"),
        ("    timeout_s: 9", "    next: economy", "tiers.economy.next", "leads back", "no `next`"),
        # tenants
        ("residency:", "residancy:", "tenants.acme.residancy", "unknown key", "'residency'?"),
        ("budget_usd_day: 5", "budget_usd_day: -5", "tenants.acme.budget_usd_day", "", "greater"),
        ("team=*", "team", "tenants.acme.tag_budgets.team", "", "pattern"),
        ("    baseline: a", "    baseline: b", "tenants.acme.baseline", "not defined", "are: a"),
        ("usd_day: 1}", "usd_dai: 1}", "tenants.acme.tag_budgets.team=*.usd_dai", "", "'usd_day'?"),
        # checks
        ("acme.checks:invoice", "acme/checks.py", "checks.invoice", "", "match pattern"),
        # policy
        ("  min_quality: 0.7", "  min_quality: 7", "policy.min_quality", "", "less than or equal"),
        ("ordered_tier: economy", "ordered_tier: econmy", "policy.ordered_tier", "", "'economy'?"),
        ("gpt-4: auto", "gpt-4: atuo", "policy.aliases.gpt-4", "not defined", "'auto'?"),
        ("tasks: [legal]", "task: [legal]", "policy.rules.0.when.task", "unknown", "'tasks'?"),
        ("tenants: [acme]", "tenants: [akme]", "policy.rules.0.when.tenants.0", "", "'acme'?"),
        ("latency: [batch]", "latency: [slow]", "policy.rules.0.when.latency.0", "", "'batch'"),
        ("at_least: economy", "at_least: top", "policy.rules.0.at_least", "not defined", "economy"),
        ("min_tokens: 5", "min_tokens: -5", "policy.rules.0.when.min_tokens", "", "equal to 0"),
        ("min_tokens: 5", "min_tokens: 50", "policy.rules.0.when", "above max_tokens", "lower it"),
        ("name: invoice", "name: invoise", f"{CHECK_BY_NAME}.name", "not defined", "'invoice'?"),
        ("at_least: economy", "at_lest: economy", "policy.rules.0.at_lest", "unknown", "at_least"),
        ("tiers: [economy]", "tiers: [top]", "policy.tasks.legal.tiers.0", "not defined", "econ"),
        ("{economy: 0.9}", "{top: 0.9}", "policy.tasks.legal.success.top", "not defined", "econ"),
        ("{economy: 0.9}", "{economy: 9}", "policy.tasks.legal.success.economy", "", "less than"),
        ("kind: contains", "kind: contans", CHECK, "contans", ""),
        ("texts: [total]", "text: [total]", f"{CHECK}.contains.text", "unknown key", "'texts'?"),
        ("cheapest", "cheap", "policy.budget.when_spent", "", "'reject' or 'cheapest'"),
        ("enabled: false", "enable: false", "policy.cascade.enable", "unknown key", "'enabled'?"),
        ("{judge:", "{judg:", "policy.learning.witnesses.judg", "", "'judge'"),
        ("catches: 0.5", "catches: 5", "policy.learning.witnesses.judge.catches", "", "less than"),
        # cache
        ("{ttl_s: 60}", "{tll_s: 60}", "cache.defaults.tll_s", "unknown key", "'ttl_s'?"),
        ("{ttl_s: 60}", "{ttl_s: .inf}", "cache.defaults.ttl_s", "", "finite"),
        ("{ttl_s: 30}", "{ttl_s: 0}", "cache.tiers.economy.ttl_s", "", "greater than 0"),
        ("{economy: {ttl_s", "{econmy: {ttl_s", "cache.tiers.econmy", "not defined", "'economy'?"),
        ("{acme: {steps", "{akme: {steps", "cache.tenants.akme", "not defined", "'acme'?"),
        ("steps: [exact]", "steps: [semantic]", "cache.tenants.acme", "need `exact`", "add it"),
        ("kind: none", "kind: nun", "cache.embedder.kind", "", "'local', 'openai' or 'none'"),
        ("A_KEY", "sk-1234", "cache.embedder.api_key_env", "", "match pattern"),
        ("  embedder:", "  embeder:", "cache.embeder", "unknown key", "'embedder'?"),
        # the whole
        ("cache:\n", "cash:\n", "cash", "unknown key", "'cache'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_any_section(old: str, new: str, where: str, what: str, fix: str) -> None:
    text = WHOLE.replace(old, new, 1)
    problems = problems_of(text)
    (problem,) = [problem for problem in problems if problem.where == where]
    assert what in problem.what
    assert fix in problem.fix
    changed = zip(WHOLE.splitlines(), text.splitlines(), strict=True)
    (line,) = [number for number, (before, after) in enumerate(changed, 1) if before != after]
    assert problem.line == line


def test_all_mistakes_are_reported_at_once_whatever_their_kind() -> None:
    text = WHOLE.replace("[a]", "[b, c]").replace("baseline: a", "baseline: z", 1)
    text = text.replace("8000", "many").replace("  cascade:", "  min_quality: 1\n  cascade:")
    text = text.replace("ttl_s: 60", "ttl: 60").replace("acme:\n", "acme:\n    x: 1\n")
    problems = problems_of(text)
    lines = [problem.line or 0 for problem in problems]
    assert lines == sorted(lines)
    assert {problem.where for problem in problems} == {
        "default_baseline",
        "models.m.context_window",
        "tiers.economy.deployments.0",
        "tiers.economy.deployments.1",
        "tenants.acme.x",
        "policy.min_quality",
        "cache.defaults.ttl",
    }


def test_a_flood_of_mistakes_is_bounded() -> None:
    flood = "".join(f"key{number}: {number}\n" for number in range(MAX_PROBLEMS * 3))
    assert len(problems_of(GOOD + flood)) == MAX_PROBLEMS


def section_keys(document: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of each mapping of a document whose keys are the schema's."""
    paths = [path] if keys_at(path) else []
    if not isinstance(document, dict | list):
        return []
    children = document.items() if isinstance(document, dict) else [*enumerate(document)]
    return paths + [at for key, child in children for at in section_keys(child, (*path, str(key)))]


SECTIONS: Final = section_keys(yaml.safe_load(WHOLE))


@settings(deadline=None)  # the first mistake builds the schema
@given(st.sampled_from(SECTIONS), st.text("abcdefghij_", min_size=1, max_size=12))
def test_no_section_takes_a_key_that_nobody_reads(path: tuple[str, ...], key: str) -> None:
    document: Any = yaml.safe_load(WHOLE)
    place = document
    for step in path:
        place = place[int(step) if isinstance(place, list) else step]
    if not isinstance(place, dict) or key in keys_at(path):
        return
    place[key] = None
    text = yaml.safe_dump(document)
    (problem,) = [problem for problem in problems_of(text) if problem.what == "unknown key"]
    assert problem.where.split(".")[-1] == key
    assert text.splitlines()[(problem.line or 0) - 1].strip(" -{}").startswith(key)


@pytest.mark.parametrize("text", ["", "[]", "just words", "1"])
def test_what_is_no_mapping(text: str) -> None:
    assert str(problems_of(text)[0]) == (
        "line 1: the file: this value can't be used; it should be a valid dictionary"
    )


@given(st.text(max_size=60))
def test_no_text_gets_another_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)


_TAGS = ["", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!omap", "!!set", "!!binary"]


@given(st.sampled_from(_TAGS), st.text("-+_0x1.:eb'[]{}?*&~ ", max_size=4))
def test_no_value_breaks_its_reader(tag: str, value: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(f"models: {tag} {value}")


@pytest.mark.parametrize("text", ["-_", "a: +_", "!!bool x", "!!int ''", "- !!omap 1"])
def test_a_value_that_the_library_breaks_on_is_refused(text: str) -> None:
    (problem,) = problems_of(text)
    assert problem.fix == "quote it, such as '-_', or leave out its !!tag"


def test_a_file_is_named_in_its_error(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"fleet\.yaml: the file: not UTF-8: .*; save it"):
        read_config(path)
    path.write_text(GOOD.replace("8000", "many"))
    with pytest.raises(ConfigError, match=r"fleet\.yaml: line 3: models\.m\.context_window"):
        read_config(path)
    path.write_text(GOOD)
    assert read_config(path) == parse_config(GOOD)
