"""Case request: a case as an ordinary request that one candidate answers, and nobody else."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from observability.evaluation.data_sets.evaluation_case import UNKNOWN_TASK, EvaluationCase
from observability.evaluation.data_sets.request_sample import EVALUATION_TAG
from observability.evaluation.judging.pair_judgement import JUDGE_TOKENS
from observability.evaluation.storage.evaluation_plan import EvaluationPlan
from producers.contract import Request

_OUTSIDE_OF_CACHE: Final = {"mode": "no-cache", "about": "conversation"}
"""Neither answered from the cache nor kept there."""


def case_request(plan: EvaluationPlan, case: EvaluationCase, candidate: str) -> Request:
    """The case at a candidate. Raises ValidationError for a case that can't be asked.

    Streamed where somebody waits: else there would be no time to the first token.
    """
    model, _, _ = candidate.partition("#")
    body = case.body.model_dump(exclude_unset=True, by_alias=True) | {"model": model}
    if candidate in plan.prompts:
        body["messages"] = _with_system(body["messages"], plan.prompts[candidate])
        # its blocks are those of the prompt as it was
        body.pop("anthropic", None)
    body["stream"] = plan.latency == "interactive"
    limited = case.body.max_tokens or case.body.max_completion_tokens
    if plan.max_tokens is not None and not limited:
        body["max_tokens"] = plan.max_tokens
    return _request(plan, case, plan.request_id(case.id, candidate), body)


def _with_system(messages: Sequence[Mapping[str, Any]], system: str) -> list[Mapping[str, Any]]:
    others = [each for each in messages if each["role"] not in {"system", "developer"}]
    return [{"role": "system", "content": system}, *others]


def judge_request(
    plan: EvaluationPlan, case: EvaluationCase, request_id: str, model: str, messages: list[Any]
) -> Request:
    """A judge's question about the answers to a case: only who may see the case may judge it."""
    body = {"model": model, "messages": messages, "temperature": 0, "max_tokens": JUDGE_TOKENS}
    return _request(plan, case, request_id, body)


def _request(
    plan: EvaluationPlan, case: EvaluationCase, request_id: str, body: dict[str, Any]
) -> Request:
    routing = {
        "latency": plan.latency,
        "deadline_ms": int(plan.within_s * 1000),
        "residency": case.residency,
        "self_hosted_only": case.self_hosted_only,
        "task": None if case.task == UNKNOWN_TASK else case.task,
        "cache": _OUTSIDE_OF_CACHE,
        "tags": {EVALUATION_TAG: plan.name},
    }
    whole = {"id": request_id, "tenant": plan.tenant or case.tenant, "body": body}
    return Request.model_validate({**whole, "routing": routing})
