import asyncio
from typing import Any, NoReturn, cast

import pytest

from cache.identity.cacheable import DoNotKeep, KeepForAll, Retention
from cache.identity.key import NotCacheable
from cache.identity.terms import TermsResult, lookup_terms
from cache.retention import RetentionJudge
from producers.contract import CacheControl, ChatBody, Request, Route, Routing
from runtime.config.sections.cache import CachePolicy, CacheSettings


class AsksNobody:
    """A recogniser and a second look that must not be asked."""

    def recognise(self, text: str, *_: object) -> NoReturn:
        raise AssertionError(text)


def terms(policy: dict[str, Any], control: dict[str, Any]) -> TermsResult:
    asked = Request(
        id="r1",
        tenant="acme",
        body=ChatBody(messages=[{"role": "user", "content": "Where is my order?"}]),
        routing=Routing(cache=CacheControl.model_validate(control)),
    )
    rules = CachePolicy.model_validate(policy)
    return lookup_terms(asked, Route(tier="economy"), rules, CacheSettings(), 5)


@pytest.mark.parametrize(
    ("policy", "control", "kind"),
    [
        ({}, {"about": "everyone"}, KeepForAll),
        ({"declared_only": True}, {}, DoNotKeep),
        ({"allow_time_bound": True}, {"about": "moment"}, KeepForAll),
    ],
)
def test_where_a_rule_decides_nobody_reads_the_question(
    policy: dict[str, Any], control: dict[str, Any], kind: type[Retention]
) -> None:
    wanted = terms(policy, control)
    assert not isinstance(wanted, NotCacheable)
    nobody = cast("Any", AsksNobody())
    judge = RetentionJudge(nobody, nobody)
    assert isinstance(asyncio.run(judge.retention_of(wanted)), kind)


@pytest.mark.parametrize(
    ("policy", "control"),
    [({"steps": []}, {}), ({}, {"about": "person"}), ({"max_question_chars": 5}, {})],
)
def test_what_the_cache_leaves_alone_has_no_terms_to_judge(
    policy: dict[str, Any], control: dict[str, Any]
) -> None:
    assert isinstance(terms(policy, control), NotCacheable)
