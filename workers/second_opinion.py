"""Does a model of the cheapest tier find that an answer's context supports it?

Asked for a sample of the answers that have a context, after the reply is out. What it says is
counted by model, teaches the router, and costs what its account says.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from observability.groundedness import Verdict, context_of
from observability.hop import Hop
from observability.judging import Ask, Judge
from producers.messages import Attempt, ChatBody, Done

from . import account
from .account import Facts
from .calling import Calls, Means
from .eligibility import fitting_deployments
from .job import Job
from .lesson import lesson
from .providers.outcome import Completion
from .reply import ReplyChannel
from .saved import Worth
from .situation import Shut
from .world import World

_LONGEST_ANSWER: Final = 300
"""Tokens: a list of the claims that lack support."""

JudgeOf: TypeAlias = Callable[[Ask], Judge]
"""The judge that asks its questions with the function given."""


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Who judges, and by what means."""

    judge_of: JudgeOf
    means: Means

    async def seek(
        self, world: World, channel: ReplyChannel, done: Done, facts: Facts
    ) -> Verdict | None:
        """None when the answer has no context, wasn't sampled, or can't be judged."""
        job = channel.job
        context, answer = context_of(job.request.body.messages), _text(done.body)
        if context is None or not answer:
            return None
        attempts: list[Attempt] = []
        question = _Question(world, self.means, job, channel.hop, attempts)
        judge = self.judge_of(question.ask)
        model = facts.catalog_entry.model if facts.catalog_entry else ""
        verdict = await judge.look_at(job.request.id, model, context, answer)
        if attempts:
            paid = replace(facts, attempts=tuple(attempts), worth=Worth(), support=None)
            event = account.aside_event(job, done, paid, int(time.time() * 1000), "judge")
            await channel.account(event)
        record = None if verdict is None else lesson(job, good=verdict.supported)
        if record is not None:
            await channel.publisher.publish(record)
        return verdict


@dataclass(frozen=True, slots=True)
class _Question:
    """One question to the cheapest tier, within what the request's data may see."""

    world: World
    means: Means
    job: Job
    hop: Hop
    attempts: list[Attempt]

    async def ask(self, messages: list[dict[str, str]]) -> str | None:
        catalog = self.world.catalog
        tier = next(iter(catalog.tiers))
        demands = self.job.route.demands.model_copy(update={"needs": (), "model": None})
        name = next(fitting_deployments(catalog, tier, demands), None)
        if name is None:
            return None
        now = time.monotonic()
        told = {"messages": messages, "temperature": 0, "max_tokens": _LONGEST_ANSWER}
        body = ChatBody.model_validate(told)
        asked = {"id": f"{self.job.request.id}:judge", "body": body}
        job = replace(self.job, request=self.job.request.model_copy(update=asked))
        calls = Calls(job, self.world, self.means, self.hop, None, self.attempts, now)
        rules = catalog.tiers[tier]
        called = await calls.call(name, body, rules.timeout_s, rules.first_token_timeout_s, None)
        if isinstance(called, Shut) or not isinstance(called.outcome, Completion):
            return None
        return _text(called.outcome.body)


def _text(body: dict[str, Any]) -> str | None:
    """The answer's text, if it is one."""
    content = body["choices"][0]["message"].get("content")
    return content if isinstance(content, str) else None
