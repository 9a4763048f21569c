"""What do the spans of a worker's steps say?"""

from cache.found import Found, Hit
from observability.content import content_attributes
from observability.semconv import Attributes, attempt_attributes, cache_attributes
from producers.messages import Attempt, ChatBody
from runtime.config.catalog import Deployment

from .job import Job
from .providers.outcome import Completion


def of_lookup(found: Found, shown: Job | None) -> Attributes:
    """shown: the request, where spans may hold what a hit answers."""
    about = cache_attributes(found.outcome)
    if shown is None or not isinstance(found, Hit):
        return about
    return {**about, **content_attributes(shown.request.body.messages, found.body)}


def of_call(
    attempt: Attempt, deployment: Deployment, answer: Completion | None, shown: ChatBody | None
) -> Attributes:
    """answer: None if the call failed; shown: what was asked, where spans may hold it."""
    reason = None if answer is None else answer.finish_reason
    about = attempt_attributes(attempt, deployment.provider, deployment.model, reason)
    if shown is None:
        return about
    told = None if answer is None else answer.body
    return {**about, **content_attributes(shown.messages, told)}
