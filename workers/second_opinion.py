"""Does a model of the cheapest tier find that an answer's context supports it?

Asked for a sample of the answers that have a context, after the reply is out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from observability.groundedness import Verdict, context_of
from observability.hop import Hop
from observability.judging import Ask, Judge
from producers.messages import Attempt, ChatBody, Done, Judged

from .account import Aside
from .calling import Calls, Means
from .eligibility import fitting_deployments
from .job import Job
from .providers.outcome import Completion
from .situation import Shut
from .world import World

_LONGEST_ANSWER: Final = 300
"""Tokens: a list of the claims that lack support."""

JudgeOf: TypeAlias = Callable[[Ask], Judge]
"""The judge that asks its questions with the function given."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """verdict: None when there is none; aside: the account of the call, if one was made."""

    verdict: Verdict | None = None
    aside: Aside | None = None


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Who judges, and by what means."""

    judge_of: JudgeOf
    means: Means

    async def seek(self, world: World, job: Job, hop: Hop, done: Done) -> Opinion:
        """Says nothing when the answer has no context, wasn't sampled, or can't be judged."""
        context, answer, model = (
            context_of(job.request.body.messages),
            _text(done.body),
            done.route.model,
        )
        if context is None or not answer or model is None:
            return Opinion()
        question = _Question(world, self.means, job, hop, [])
        verdict = await self.judge_of(question.ask).look_at(job.request.id, model, context, answer)
        judged = None if verdict is None else Judged(model=model, supported=verdict.supported)
        return Opinion(verdict, question.account(judged))


@dataclass(frozen=True, slots=True)
class _Question:
    """One question to the cheapest tier, within what the request's data may see."""

    world: World
    means: Means
    job: Job
    hop: Hop
    attempts: list[Attempt]

    async def ask(self, messages: list[dict[str, str]]) -> str | None:
        catalog, tier = self.world.catalog, self.tier
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

    def account(self, judged: Judged | None) -> Aside | None:
        """What asking has cost; None when nobody was called."""
        if not self.attempts:
            return None
        call = self.attempts[-1]
        entry = self.world.catalog.deployments[call.deployment]
        return Aside(
            purpose="judge",
            tier=self.tier,
            call=call,
            entry=entry,
            attempts=tuple(self.attempts),
            judged=judged,
        )

    @property
    def tier(self) -> str:
        """The cheapest."""
        return next(iter(self.world.catalog.tiers))


def _text(body: dict[str, Any]) -> str | None:
    """The answer's text, if it is one."""
    content = body["choices"][0]["message"].get("content")
    return content if isinstance(content, str) else None
