"""Provider call as the contract reports it: its tokens, its outcome, its cost."""

from .message import Message, MicroUsd, Name


class Usage(Message):
    """Tokens as billed, normalised: the counts don't overlap, except reasoning, inside output."""

    input_uncached: int = 0
    """Prompt tokens billed at the full price."""

    cache_read: int = 0
    """Prompt tokens served from the provider's prompt cache."""

    cache_write_5m: int = 0
    """Prompt tokens written to the provider's prompt cache for five minutes."""

    cache_write_1h: int = 0
    """Prompt tokens written to the provider's prompt cache for an hour."""

    output: int = 0
    """Generated tokens, reasoning included."""

    reasoning: int = 0
    """Of the output: tokens of reasoning."""

    @property
    def input_total(self) -> int:
        """All tokens of the prompt, however billed."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h


class Attempt(Message):
    """One call of a provider."""

    deployment: Name
    """The deployment that was called."""

    outcome: str
    """`ok`, the error's kind, or `inadequate` for an answer that failed the request's checks."""

    status: int | None = None
    """The HTTP status, where there was one."""

    started_ms: float = 0
    """Milliseconds from the worker's beginning of the request to this call."""

    duration_ms: float = 0
    """Milliseconds from the call to its end."""

    wait_ms: int | None = None
    """Milliseconds after which the provider asks to be tried again."""

    usage: Usage | None = None
    """The tokens billed; null where the provider reported none."""

    cost_micro_usd: MicroUsd | None = None
    """What the call cost in micro-dollars; null where no price is known or nothing was billed."""

    price_version: str | None = None
    """The price list that the cost is from; null when the call has no cost."""
