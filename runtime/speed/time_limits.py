"""Time limits of a request: would a deployment keep them by what is to be expected of it?"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from runtime.speed.expected_speed import ExpectedSpeed


class Overrun(NamedTuple):
    """A limit that isn't kept: of the whole answer or of its begin. Times in seconds from now."""

    limit: Literal["answer", "begin"]
    expected_s: float
    left_s: float


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Of one request, in seconds from now."""

    left_s: float | None
    """Until its deadline; None: none is held against a speed."""
    begin_left_s: float | None
    """Until its answer must have begun; None: it may begin at any time."""
    streams: bool
    """Whether its answer begins with the first token; else it comes whole."""
    most_tokens: int
    """That the answer is expected to have at most."""

    def overrun(self, speed: ExpectedSpeed) -> Overrun | None:
        """The limit that an answer at this speed wouldn't keep; None: it would keep all."""
        answer_s = speed.soonest_s(self.most_tokens)
        if self.left_s is not None and answer_s > self.left_s:
            return Overrun("answer", answer_s, self.left_s)
        begin_s = speed.first_token_s if self.streams else answer_s
        if self.begin_left_s is not None and begin_s > self.begin_left_s:
            return Overrun("begin", begin_s, self.begin_left_s)
        return None
