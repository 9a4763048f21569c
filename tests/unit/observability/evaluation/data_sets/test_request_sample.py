from collections.abc import Iterable
from typing import Any

from observability.evaluation.data_sets.evaluation_case import EvaluationConsent
from observability.evaluation.data_sets.request_sample import (
    RequestReaders,
    RequestSample,
    SampleFilter,
)
from producers.contract import Request

CONSENTS: dict[str, EvaluationConsent] = {"open": "allowed", "own": "self-hosted only"}


def request(text: str, tenant: str = "open", **routing: Any) -> Request:  # noqa: ANN401 - of a request
    body = {"messages": [{"role": "user", "content": text}], "user": "u1", "stream": True}
    whole = {"id": text or "empty", "tenant": tenant, "body": body, "routing": routing}
    return Request.model_validate(whole)


def sample(requests: Iterable[Request], wanted: SampleFilter | None = None) -> RequestSample:
    readers = RequestReaders(
        consent_of=lambda tenant: CONSENTS.get(tenant, "no"),
        zones_of=lambda each: () if "nowhere" in each.routing.residency else ("eu",),
        task_of=lambda each: each.routing.task or "chat",
        form_of=lambda each: str(each.body.messages[0].get("content", "")).lower(),
    )
    taken = RequestSample(wanted or SampleFilter(), readers)
    for number, each in enumerate(requests):
        taken.add(each, number)
    return taken


def test_who_didnt_consent_isnt_sampled() -> None:
    taken = sample([request("a"), request("b", "shut"), request("c", residency=["nowhere"])])
    assert [case.tenant for case in taken.cases()] == ["open"]
    assert taken.counts.without_consent == 2
    assert taken.counts.tenants_without_consent == {"shut", "open"}


def test_a_case_carries_its_limits_and_no_name() -> None:
    (case,) = sample([request("a", "own", conversation="c7")]).cases()
    assert case.self_hosted_only
    assert case.residency == ("eu",)
    assert case.user == "u1"
    assert case.group is not None
    assert "c7" not in case.group
    assert case.body.stream is False
    assert "user" not in (case.body.model_extra or {})


def test_one_form_is_one_case_with_its_number() -> None:
    taken = sample([request("Same"), request("same"), request("other"), request("SAME")])
    assert sorted(case.count for case in taken.cases()) == [1, 3]
    assert taken.counts.repeated == 2


def test_the_choice_depends_on_neither_order_nor_length() -> None:
    requests = [request(f"q{number}") for number in range(300)]
    wanted = SampleFilter(per_stratum=20)
    forth, back = sample(requests, wanted), sample(reversed(requests), wanted)
    ids = {case.id for case in forth.cases()}
    assert len(ids) == 20
    assert ids == {case.id for case in back.cases()}
    assert ids != {
        case.id for case in sample(requests, SampleFilter(per_stratum=20, seed=1)).cases()
    }


def test_counts_of_the_chosen_are_exact() -> None:
    requests = [request(f"q{number % 50}") for number in range(500)]
    cases = list(sample(requests, SampleFilter(per_stratum=10)).cases())
    assert [case.count for case in cases] == [10] * 10


def test_strata_are_equal_however_rare_a_task_is() -> None:
    common = [request(f"c{number}", task="chat") for number in range(100)]
    rare = [request(f"r{number}", task="sql") for number in range(7)]
    cases = list(sample([*common, *rare], SampleFilter(per_stratum=10)).cases())
    assert [sum(case.task == task for case in cases) for task in ("chat", "sql")] == [10, 7]


def test_what_isnt_wanted_is_left_out() -> None:
    requests = [
        request("a", task="sql", tags={"app": "x"}),
        request("b", task="sql", tags={"app": "y"}),
        request("c", task="chat", tags={"app": "x"}),
        request("d", task="sql", tags={"app": "x", "evaluation": "e"}),
    ]
    wanted = SampleFilter(tasks=frozenset({"sql"}), tags=(("app", "x"),))
    assert [case.recorded_ms for case in sample(requests, wanted).cases()] == [0]


def test_a_share_of_the_forms() -> None:
    requests = [request(f"q{number}") for number in range(400)]
    cases = list(sample(requests, SampleFilter(share=0.25, per_stratum=1000)).cases())
    assert 70 < len(cases) < 130


def test_a_tags_values_are_strata_too() -> None:
    many = [request(f"{app}{n}", tags={"app": app}) for app in "aab" for n in range(20)]
    taken = sample(many, SampleFilter(per_stratum=3, strata_tag="app"))
    apps = [str(case.body.messages[0]["content"])[0] for case in taken.cases()]
    assert sorted(apps) == ["a", "a", "a", "b", "b", "b"]


def test_one_prompt_for_two_tasks_is_two_cases() -> None:
    taken = sample([request("a", task="x"), request("a", task="y"), request("a", task="x")])
    cases = list(taken.cases())
    assert len({case.id for case in cases}) == len(cases) == 2
    assert {case.task: case.count for case in cases} == {"x": 2, "y": 1}
