"""Look-up terms: a request's question and what holds for it. May the cache answer it at all?

They are fixed before the first read and are the same for every step of the look-up.
"""

from dataclasses import dataclass
from typing import TypeAlias

from cache.identity.answer_limits import NO_LIMITS, AnswerLimits, limits_of
from cache.identity.cacheable import kinds_kept, refuse_request
from cache.identity.key import NotCacheable, Question, QuestionResult, model_class, question_of
from producers.contract import CacheSubject, ChatBody, Request, Route
from runtime.config.sections.cache import CachePolicy, CacheSettings


@dataclass(frozen=True, slots=True)
class LookupTerms:
    """What one request asks of the cache."""

    question: Question
    policy: CachePolicy
    now_ms: int
    """Unix milliseconds."""
    ttl_s: float
    """Life of the answer when it is stored: the policy's, or shorter if the caller asks so."""
    min_confidence: float = 0.0
    """The least score, 0..1, that the caller accepts."""
    tags: tuple[str, ...] = ()
    """Names by which the answer can be invalidated, once it is stored."""
    group: str = ""
    """The group of requests whose share of wrong hits is bounded together."""
    may_read: bool = True
    """Whether a stored answer may be served."""
    may_store: bool = True
    """Whether the answer may be stored."""
    about: CacheSubject | None = None
    """What the caller declares the question to be about."""
    has_history: bool = False
    """Whether earlier turns are part of the request, and so of its key."""
    may_wait: bool = False
    """Whether one of several callers with this question may call for all of them."""
    language: str | None = None
    """The question's, ISO 639-1, once it is recognised."""
    same_words_only: bool = False
    """Whether the answer serves no other form of the question."""
    limits: AnswerLimits = NO_LIMITS
    """What the body allows of an answer."""
    request_id: str = ""
    user: str | None = None
    """The body's `user`: whose data an answer may hold."""
    tier: str | None = None
    """The tier that is to answer; None: whichever does."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Where an answer to the question is stored: tenant, entry and group."""
        return (self.question.tenant, self.question.entry, self.group)


TermsResult: TypeAlias = LookupTerms | NotCacheable


def lookup_terms(
    request: Request, route: Route, policy: CachePolicy, settings: CacheSettings, now_ms: int
) -> TermsResult:
    """The terms of a request, or why the cache has no part in it. now_ms: Unix milliseconds."""
    question = _question(request, route, policy, settings.knowledge_version)
    if isinstance(question, NotCacheable):
        return question
    refusal = refuse_request(request.body, question.text, policy, request.routing.cache.about)
    if refusal is not None:
        return NotCacheable(refusal)
    control, model = request.routing.cache, model_class(route)
    scope = () if control.scope is None else (f"scope:{control.scope}",)
    return LookupTerms(
        question=question,
        policy=policy,
        now_ms=now_ms,
        ttl_s=min(control.ttl_s or policy.ttl_s, policy.ttl_s),
        min_confidence=control.min_confidence or 0.0,
        tags=(*control.tags, *scope, model),
        group=f"scope:{control.scope}" if control.scope else model,
        may_read=control.mode != "no-cache",
        may_store=control.mode != "no-store",
        about=control.about,
        has_history=any(turn["role"] != "system" for turn in request.body.messages[:-1]),
        may_wait=control.mode == "default" and policy.single_flight,
        limits=limits_of(request.body),
        request_id=request.id,
        user=_user_of(request.body),
        tier=route.tier,
    )


def _question(
    request: Request, route: Route, policy: CachePolicy, knowledge: str
) -> QuestionResult:
    return question_of(
        request,
        route,
        knowledge=knowledge,
        kinds_kept=kinds_kept(policy),
        by_canonical="canonical" in policy.steps,
    )


def _user_of(body: ChatBody) -> str | None:
    user = (body.model_extra or {}).get("user")
    return user if isinstance(user, str) and user else None
