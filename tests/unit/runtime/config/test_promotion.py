from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from observability.evaluation.results.evaluation_result import (
    EvaluationRecord,
    EvaluationResult,
    evaluation_bytes,
)
from runtime.config.config_file import parse_config
from runtime.config.promotion import Promotion, promote
from switchgear.app import switchgear_app

SHIPPED: Final = Path("switchgear.yaml").read_text(encoding="utf-8")
OWN: Final = """\
default_baseline: opus     # what we had
deployments:
  mini: {model: gpt-4o-mini, provider: openai}
  haiku: {model: claude-haiku-4-5, provider: anthropic}
  opus: {model: claude-opus-4-6, provider: anthropic}
  small: {model: mistral-small-3, provider: mistral}
tiers:
  economy:
    deployments:
      - haiku   # because it was there
      - mini    # the cheaper one
    next: premium
  premium: {deployments: [opus]}
"""


def measured(model: str, task: str = "tickets", low: float = 0.9) -> EvaluationResult:
    return EvaluationResult(
        evaluation="nov",
        data_set="tickets@1",
        measured_ms=1,
        candidate=model,
        model=model,
        task=task,
        metric="exact",
        cases=1000,
        successes=930,
        success=0.93,
        success_low=low,
        success_high=0.95,
    )


def record(*results: EvaluationResult, chosen: str | None = None) -> EvaluationRecord:
    return EvaluationRecord(
        evaluation="nov",
        data_set="tickets@1",
        baseline="claude-haiku-4-5",
        margin=0.02,
        chosen=chosen,
        spent_micro_usd=0,
        results=results,
    )


BOTH: Final = (measured("claude-haiku-4-5", low=0.913), measured("gpt-4o-mini", low=0.9049))


def promoted(text: str, found: EvaluationRecord, task: str | None = None) -> Promotion:
    proposed = promote(text, found, task)
    assert isinstance(proposed, Promotion), proposed
    return proposed


def test_a_chosen_deployment_goes_before_the_other_cloud_of_its_model() -> None:
    cloud = "{model: gpt-4o-mini, provider: azure, account: a, region: x, zone: eu}"
    text = OWN.replace("  small:", f"  mini-eu: {cloud}\n  small:")
    text = text.replace("# the cheaper one\n", "# the cheaper one\n      - mini-eu\n")
    ours = measured("gpt-4o-mini", low=0.91).model_copy(update={"candidate": "mini-eu"})
    theirs = measured("gpt-4o-mini").model_copy(update={"candidate": "mini"})
    outcome = record(theirs, ours, chosen="mini-eu").model_copy(update={"baseline": "mini"})
    catalog = parse_config(promoted(text, outcome).text)
    assert catalog.tiers["economy"].deployments == ("haiku", "mini-eu", "mini")
    assert catalog.models["gpt-4o-mini"].quality["tickets"].success == 0.91


def test_the_lower_end_becomes_the_quality_and_the_chosen_goes_before_the_baseline() -> None:
    proposed = promoted(OWN, record(*BOTH, chosen="gpt-4o-mini"))
    catalog = parse_config(proposed.text)
    quality = catalog.models["gpt-4o-mini"].quality["tickets"]
    assert (quality.success, quality.cases, quality.evaluation) == (0.9049, 1000, "nov")
    assert catalog.tiers["economy"].deployments == ("mini", "haiku")
    assert "- haiku   # because it was there" in proposed.text
    assert proposed.notes == ()
    assert promoted(proposed.text, record(*BOTH, chosen="gpt-4o-mini")).text == proposed.text


def test_a_tier_ordered_by_price_keeps_its_list() -> None:
    proposed = promoted(SHIPPED, record(*BOTH, chosen="gpt-4o-mini"))
    before, after = parse_config(SHIPPED), parse_config(proposed.text)
    assert after.tiers == before.tiers
    assert after.models["claude-haiku-4-5"].quality["tickets"].success == 0.913
    assert all(line in proposed.text for line in SHIPPED.splitlines())


def test_a_model_that_no_tier_asks_is_put_before_the_baseline() -> None:
    results = (BOTH[0], measured("mistral-small-3"))
    proposed = promoted(OWN, record(*results, chosen="mistral-small-3"))
    tier = parse_config(proposed.text).tiers["economy"]
    assert tier.deployments == ("small", "haiku", "mini")


def test_figures_over_all_tasks_need_the_name_of_one() -> None:
    found = record(measured("gpt-4o-mini", "*"))
    assert promoted(OWN, found).text == OWN
    assert "--task" in promoted(OWN, found).notes[0]
    catalog = parse_config(promoted(OWN, found, "mail").text)
    assert list(catalog.models["gpt-4o-mini"].quality) == ["mail"]


def test_an_unknown_model_is_named_and_left_out() -> None:
    proposed = promoted(OWN, record(measured("gpt-9")))
    assert proposed.text == OWN
    assert "no such model" in proposed.notes[0]


@pytest.mark.parametrize("applied", [False, True])
def test_the_command_shows_the_change_and_applies_it_on_request(
    tmp_path: Path, *, applied: bool
) -> None:
    config, results = tmp_path / "switchgear.yaml", tmp_path / "evaluations" / "nov"
    config.write_text(OWN, encoding="utf-8")
    results.mkdir(parents=True)
    (results / "results.json").write_bytes(evaluation_bytes(record(*BOTH)))
    arguments = ["evaluate", "promote", "nov", "--folder", str(results.parent)]
    extra = ["--apply"] if applied else []
    shown = CliRunner().invoke(switchgear_app(), [*arguments, "--config", str(config), *extra])
    assert shown.exit_code == 0, shown.output
    assert "+      tickets: {success: 0.9049, cases: 1000, evaluation: nov}" in shown.output
    assert (config.read_text(encoding="utf-8") != OWN) is applied


PROMPTS: Final = """\
prompts:
  short:
    written_for: gpt-4o
    system: Be brief.
    variants:
      claude: {versions: {1: Brief!, 2: "<rule>Brief.</rule>"}}   # by hand
"""


@pytest.mark.parametrize(("variant", "used"), [("short:2", 2), ("short:7", None), ("x:1", None)])
def test_the_variant_that_won_is_used_by_its_family(variant: str, used: int | None) -> None:
    won = measured("claude-haiku-4-5").model_copy(
        update={"candidate": f"claude-haiku-4-5#{variant}", "variant": variant}
    )
    proposed = promoted(OWN + PROMPTS, record(BOTH[0], won, chosen=won.candidate))
    variants = parse_config(proposed.text).prompts["short"].variants["claude"]
    assert variants.use == used
    assert (used is None) is bool(proposed.notes)
