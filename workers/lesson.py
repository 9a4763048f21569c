"""What does the end of a request teach the router about its tier?"""

from producers import codec, topics
from producers.broker import Outgoing
from producers.feedback import Feedback

from .job import Job


def lesson(job: Job, *, good: bool) -> Outgoing | None:
    """The record for the router to learn from; None when the request's task isn't known."""
    task = job.request.routing.task or job.route.task
    if task is None:
        return None
    expected = (c.expected for c in job.route.candidates if c.tier == job.route.tier)
    feedback = Feedback(
        id=job.request.id,
        tenant=job.request.tenant,
        task=task,
        tier=job.route.tier,
        good=float(good),
        source="validator",
        expected=next(expected, None),
    )
    return Outgoing(topics.FEEDBACK, codec.encode(feedback), job.request.tenant.encode())
