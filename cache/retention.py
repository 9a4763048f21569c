"""Retention: rules, recogniser, second look. May an answer to a question serve a second asker?"""

from cache.identity.cacheable import (
    Retention,
    ToRecognise,
    recognised_retention,
    ruled_retention,
)
from cache.identity.recogniser import Recogniser
from cache.identity.terms import LookupTerms
from cache.semantic.second_look import SecondLook


class RetentionJudge:
    """Judges questions, cheapest first."""

    def __init__(self, recogniser: Recogniser, second_look: SecondLook | None) -> None:
        """second_look: None: the recogniser decides alone."""
        self._recogniser = recogniser
        self._second_look = second_look

    async def retention_of(self, terms: LookupTerms) -> Retention:
        """The retention of the answer to a request's question. Never raises."""
        text, policy = terms.question.text, terms.policy
        ruled = ruled_retention(text, policy, about=terms.about, has_history=terms.has_history)
        if not isinstance(ruled, ToRecognise):
            return ruled
        recognition = self._recogniser.recognise(ruled.text)
        if self._second_look is not None:
            recognition = await self._second_look.recognise(ruled.text, recognition)
        return recognised_retention(ruled, recognition)

    def close(self) -> None:
        """Ends the second look's thread."""
        if self._second_look is not None:
            self._second_look.close()
