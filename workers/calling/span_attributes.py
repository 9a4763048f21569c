"""Span attributes of a worker's steps: the cache lookup and the provider calls."""

from cache.results.lookup_result import Hit, LookupResult
from observability.tracing.prompt_capture import content_attributes
from observability.tracing.semconv import Attributes, attempt_attributes, cache_attributes
from producers.contract import Attempt, ChatBody
from runtime.config.catalog import Deployment
from workers.delivery.work_item import WorkItem
from workers.providers.base.call_outcome import Completion


def lookup_attributes(result: LookupResult, shown: WorkItem | None) -> Attributes:
    """shown: the request, where spans may hold what a hit answers."""
    about = cache_attributes(result.outcome)
    if shown is None or not isinstance(result, Hit):
        return about
    return {**about, **content_attributes(shown.request.body.messages, result.body)}


def call_attributes(
    attempt: Attempt, deployment: Deployment, answer: Completion | None, shown: ChatBody | None
) -> Attributes:
    """answer: None if the call failed; shown: what was asked, where spans may hold it."""
    reason = None if answer is None else answer.finish_reason
    about = attempt_attributes(attempt, deployment.provider, deployment.model, reason)
    if shown is None:
        return about
    body = None if answer is None else answer.body
    return {**about, **content_attributes(shown.messages, body)}
