"""What did a call of a provider use and cost?"""

from .message import Message, MicroUsd, Name


class Usage(Message):
    """Tokens as billed, normalised: the counts don't overlap, except reasoning, inside output."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input_total(self) -> int:
        """All tokens of the prompt, however billed."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h


class Attempt(Message):
    """One call of a provider; `wait_ms`: its retry hint.

    outcome: `ok`, the error's kind, or `inadequate` for an answer that failed the request's checks.
    price_version: of the price list that the cost is from; None when the call has no cost.
    """

    deployment: Name
    outcome: str
    status: int | None = None
    started_ms: float = 0
    duration_ms: float = 0
    wait_ms: int | None = None
    usage: Usage | None = None
    cost_micro_usd: MicroUsd | None = None
    price_version: str | None = None
