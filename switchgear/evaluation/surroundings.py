"""Surroundings of an evaluation: what it asks of configuration, prices, cache and checks."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any, Final

from cache.identity.key import Question, question_of
from observability.evaluation.data_sets.evaluation_case import EvaluationCase, EvaluationConsent
from observability.evaluation.data_sets.request_sample import RequestReaders
from observability.evaluation.running.answer_grader import GradingTools
from observability.evaluation.storage.evaluation_folder import FolderError
from observability.price_lists import load_price_book
from producers.contract import ChatBody, MicroUsd, Request, Route, Usage, Validator
from router.decide.demands import demands_of
from router.text.features import extract_features
from runtime.config.catalog import Catalog, Deployment, Model
from runtime.config.pricing import Pricing
from runtime.config.prompt_table import variant_text
from workers.checks.checking_process import run_contained
from workers.checks.validators import failed_checks, load_checks
from workers.planning.request_state import PlanRules

_TOKENS_OF_A_PICTURE: Final = 10_000
_PER_MESSAGE: Final = 64
_ANY_TIER: Final = Route(tier="any")


def request_readers(catalog: Catalog) -> RequestReaders:
    """How recorded requests are read, by today's configuration."""

    def zones_of(request: Request) -> tuple[str, ...] | None:
        tenant = catalog.tenant(request.tenant)
        if tenant is None:
            return ()
        return demands_of(request, extract_features(request), tenant, None).zones

    def task_of(request: Request) -> str:
        features = extract_features(request)
        return features.declared_task or features.task

    return RequestReaders(partial(consent_of, catalog), zones_of, task_of, _form_of)


def consent_of(catalog: Catalog, tenant: str) -> EvaluationConsent:
    """What the tenant's section says, else that of `*`; `no` for those who aren't served."""
    section = catalog.tenant(tenant)
    return "no" if section is None else section.evaluation


def _form_of(request: Request) -> str:
    """One for all requests that the cache would take for the same."""
    question = question_of(request, _ANY_TIER)
    return question.slot if isinstance(question, Question) else request.body.model_dump_json()


def still_allowed(catalog: Catalog, cases: Sequence[EvaluationCase]) -> list[EvaluationCase]:
    """The recorded cases that may be asked today: consent and residency may have been narrowed."""
    allowed = []
    for case in cases:
        section, consent = catalog.tenant(case.tenant), consent_of(catalog, case.tenant)
        if section is None or consent == "no":
            continue
        zones = case.residency
        if section.residency:
            zones = tuple(zone for zone in zones or section.residency if zone in section.residency)
            if not zones:
                continue
        own = case.self_hosted_only or section.self_hosted_only or consent == "self-hosted only"
        allowed.append(case.model_copy(update={"residency": zones, "self_hosted_only": own}))
    return allowed


def prompt_variants(catalog: Catalog, candidates: Sequence[str]) -> dict[str, str]:
    """The system prompts of the candidates that are `MODEL#PROMPT:VERSION`.

    Raises FolderError for one that the configuration doesn't have.
    """
    texts = {}
    for candidate in candidates:
        name, _, variant = candidate.partition("#")
        if variant and (model := _model_of(catalog, name)) is not None:
            family = model.family
            text = variant_text(catalog.prompts, variant, family)
            if text is None:
                raise FolderError(f"prompts has no version {variant!r} for {family}")
            texts[candidate] = text
    return texts


def _model_of(catalog: Catalog, candidate: str) -> Model | None:
    """The model that a candidate names, or that the deployment serves which it names."""
    deployment = catalog.deployments.get(candidate)
    name = candidate if candidate in catalog.models or deployment is None else deployment.model
    return catalog.models.get(name)


class DearestPrice:
    """The most that a request can cost, wherever it is served.

    Every byte is a token, every attempt is billed, each at the dearest rate there is.
    """

    def __init__(self, catalog: Catalog, *, batch: bool) -> None:
        self._catalog = catalog
        self._pricing = Pricing(load_price_book())
        # a batch that comes too late is billed beside its tier's calls
        self._calls = PlanRules().attempts + batch

    def __call__(self, request: Request) -> MicroUsd:
        """Micro-dollars. Raises FolderError for a model without a price."""
        body = request.body
        written = body.model_dump_json(exclude_unset=True)
        pictures = written.count('"image_url"') + written.count('"file"')
        size = len(written.encode()) + _PER_MESSAGE * len(body.messages)
        prompt = size + pictures * _TOKENS_OF_A_PICTURE
        model = _model_of(self._catalog, body.model)
        if model is None:
            raise FolderError(f"the configuration has no model or deployment {body.model!r}")
        output = body.max_completion_tokens or body.max_tokens or model.max_output
        output *= _choices(body)
        costs = [
            self._cost(deployment, prompt, output)
            for name, deployment in self._catalog.deployments.items()
            if body.model in {deployment.model, name}
        ]
        if not costs:
            raise FolderError(f"no deployment serves {body.model}")
        return max(costs) * self._calls

    def _cost(self, deployment: Deployment, prompt: int, output: int) -> MicroUsd:
        usages = (
            Usage(input_uncached=prompt, output=output),
            Usage(cache_write_1h=prompt, output=output),
        )
        prices = [self._pricing.price_of(deployment, usage) for usage in usages]
        if any(price is None for price in prices):
            raise FolderError(
                f"{deployment.model} at {deployment.provider} has no price, so that no cap can be "
                "kept: give the deployment a `price`"
            )
        return max(price or Decimal(0) for price in prices)


def _choices(body: ChatBody) -> int:
    """How many answers a call asks for."""
    number = (body.model_extra or {}).get("n")
    return max(1, number) if isinstance(number, int) else 1


def searches_the_web(body: ChatBody) -> bool:
    """Whether the model may search as often as it likes: such a call has no upper price."""
    native = body.anthropic.get("tools", ()) if body.anthropic is not None else ()
    tools = (*(body.tools or ()), *native)
    if any(str(tool.get("type", "")).startswith("web_search") for tool in tools):
        return True
    return (body.model_extra or {}).get("web_search_options") is not None


def grading_tools(catalog: Catalog, schema: Mapping[str, Any] | None) -> GradingTools:
    """The workers' own checks, run as they run them. Raises ValueError."""
    named = load_checks(catalog.checks)
    thread = ThreadPoolExecutor(1, thread_name_prefix="grading")

    async def check(checks: Sequence[Validator], answer: Mapping[str, Any]) -> Sequence[str]:
        run = partial(failed_checks, checks, answer, named, run=run_contained)
        problems = await asyncio.get_running_loop().run_in_executor(thread, run)
        return [problem.check for problem in problems]

    def validators_of(case: EvaluationCase) -> Sequence[Validator]:
        profile = catalog.policy.tasks.get(case.task)
        return case.validators or (profile.validators if profile is not None else ())

    return GradingTools(check, validators_of, schema)
