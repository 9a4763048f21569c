"""Look-up terms: what a request asks of the cache, or why the cache has no part in it."""

import pytest

from cache.identity.key import NotCacheable
from cache.identity.terms import LookupTerms, lookup_terms
from producers.contract import (
    CacheControl,
    CacheSubject,
    ChatBody,
    ChatMessage,
    Request,
    Route,
    Routing,
)
from runtime.config.sections.cache import CachePolicy, CacheSettings

USER: ChatMessage = {"role": "user", "content": "What is a mutex?"}


def terms(
    control: CacheControl, policy: CachePolicy | None = None, **body: object
) -> LookupTerms | NotCacheable:
    asked = ChatBody.model_validate({"messages": [USER], **body})
    request = Request(id="r", tenant="acme", body=asked, routing=Routing(cache=control))
    settings = CacheSettings()
    return lookup_terms(request, Route(tier="economy"), policy or CachePolicy(), settings, 5)


def permitted(
    control: CacheControl | None = None, policy: CachePolicy | None = None
) -> LookupTerms:
    result = terms(control or CacheControl(), policy)
    assert isinstance(result, LookupTerms)
    return result


@pytest.mark.parametrize("about", ["moment", "person", "conversation"])
def test_who_declares_what_binds_the_answer_gets_nobody_elses(about: CacheSubject) -> None:
    refused = terms(CacheControl(about=about), CachePolicy())
    assert isinstance(refused, NotCacheable)
    assert refused.reason.endswith("as declared")
    allowing = CachePolicy(allow_time_bound=True, allow_personal=True)
    allowed = terms(CacheControl(about=about), allowing)
    assert isinstance(allowed, NotCacheable) is (about == "conversation")


def test_what_a_policy_keeps_of_the_moment_is_out_of_others_reach() -> None:
    policies = (
        CachePolicy(),
        CachePolicy(allow_time_bound=True),
        CachePolicy(allow_personal=True),
        CachePolicy(allow_time_bound=True, allow_personal=True),
    )
    made = [terms(CacheControl(), policy) for policy in policies]
    scopes = {it.question.scope for it in made if isinstance(it, LookupTerms)}
    assert len(scopes) == len(policies)


def test_a_caller_shortens_a_life_and_never_lengthens_it() -> None:
    policy = CachePolicy(ttl_s=100)
    assert permitted(CacheControl(ttl_s=7), policy).ttl_s == 7
    assert permitted(CacheControl(ttl_s=900), policy).ttl_s == 100
    assert permitted(policy=policy).ttl_s == 100


def test_a_named_scope_is_a_tag_and_a_group_of_its_own() -> None:
    named = permitted(CacheControl(scope="docs", tags=("v2",)))
    assert named.tags[:2] == ("v2", "scope:docs")
    assert named.group == "scope:docs"
    plain = permitted()
    assert plain.group in plain.tags


def test_the_mode_says_whether_to_read_to_store_and_to_wait() -> None:
    ways = {
        mode: (asked.may_read, asked.may_store, asked.may_wait)
        for mode in ("default", "no-cache", "no-store")
        if (asked := permitted(CacheControl.model_validate({"mode": mode})))
    }
    assert ways == {
        "default": (True, True, True),
        "no-cache": (False, True, False),
        "no-store": (True, False, False),
    }
    assert not permitted(policy=CachePolicy(single_flight=False)).may_wait


@pytest.mark.parametrize(
    ("policy", "body", "reason"),
    [
        (CachePolicy(steps=frozenset()), {}, "switched off"),
        (CachePolicy(), {"temperature": 0.9}, "temperature 0.9 asks for varied answers"),
        (CachePolicy(max_question_chars=3), {}, "more than 3 characters"),
    ],
)
def test_what_the_cache_leaves_alone_has_a_reason(
    policy: CachePolicy, body: dict[str, object], reason: str
) -> None:
    refused = terms(CacheControl(), policy, **body)
    assert isinstance(refused, NotCacheable)
    assert reason in refused.reason
