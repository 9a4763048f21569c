"""What do the spans of a worker's steps say?"""

from cache.results.lookup_result import Hit, LookupResult
from observability.tracing.prompt_capture import content_attributes
from observability.tracing.semconv import Attributes, attempt_attributes, cache_attributes
from producers.contract import Attempt, ChatBody
from runtime.config.catalog import Deployment
from workers.delivery.work_item import WorkItem
from workers.providers.base.call_outcome import Completion


def lookup_attributes(found: LookupResult, shown: WorkItem | None) -> Attributes:
    """shown: the request, where spans may hold what a hit answers."""
    about = cache_attributes(found.outcome)
    if shown is None or not isinstance(found, Hit):
        return about
    return {**about, **content_attributes(shown.request.body.messages, found.body)}


def call_attributes(
    attempt: Attempt, deployment: Deployment, answer: Completion | None, shown: ChatBody | None
) -> Attributes:
    """answer: None if the call failed; shown: what was asked, where spans may hold it."""
    reason = None if answer is None else answer.finish_reason
    about = attempt_attributes(attempt, deployment.provider, deployment.model, reason)
    if shown is None:
        return about
    told = None if answer is None else answer.body
    return {**about, **content_attributes(shown.messages, told)}
