"""Feedback for the router: what the end of a request says of its tier.

An answer teaches once. What the judge says of it stands for the look-up, which asks the same in a
cheaper way; a fault that either finds counts for more than that the answer passed its validators.
"""

from dataclasses import dataclass

from observability.evaluation.data_sets.request_sample import EVALUATION_TAG
from observability.grounding.groundedness import LEAST_CLAIMS, ContextSupport, GroundednessVerdict
from producers.contract import codec, topics
from producers.contract.feedback import Feedback, FeedbackSource
from producers.kafka.broker import Outgoing
from workers.delivery.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class AnswerRating:
    """Whether an answer was good, as far as `source` can tell."""

    good: bool
    source: FeedbackSource


def rate_answer(
    verdict: GroundednessVerdict | None, support: ContextSupport | None, *, passed: bool
) -> AnswerRating | None:
    """What is to be learned of an answer; None: nothing. passed: its validators, if it has any."""
    grounded = _grounded(verdict, support)
    if grounded is not None and not grounded.good:
        return grounded
    return AnswerRating(good=True, source="validator") if passed else grounded


def _grounded(
    verdict: GroundednessVerdict | None, support: ContextSupport | None
) -> AnswerRating | None:
    if verdict is not None:
        return AnswerRating(verdict.supported, "judge")
    if support is None or support.checked < LEAST_CLAIMS:
        return None
    return AnswerRating(not support.ungrounded, "lookup")


def feedback_record(item: WorkItem, rating: AnswerRating, model: str | None) -> Outgoing | None:
    """The record for the router to learn from. model: whose answer it was; None: several had a try.

    None when the request's task isn't known, and for a look-up's finding while nobody learns: there
    is one for nearly every answer with a context. An evaluation's answers teach by its results.
    """
    if EVALUATION_TAG in item.request.routing.tags:
        return None
    task = item.request.routing.task or item.route.task
    if task is None or (rating.source == "lookup" and not item.route.learns):
        return None
    expected = (c.expected for c in item.route.candidates if c.tier == item.route.tier)
    feedback = Feedback(
        id=item.request.id,
        tenant=item.request.tenant,
        task=task,
        tier=item.route.tier,
        model=model,
        good=float(rating.good),
        source=rating.source,
        expected=next(expected, None),
    )
    headers = codec.to_headers({codec.TENANT_HEADER: item.request.tenant})
    return Outgoing(topics.FEEDBACK, codec.encode(feedback), item.request.tenant.encode(), headers)
