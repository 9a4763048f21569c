"""Provider call as the contract reports it: its tokens, its outcome, its cost."""

from pydantic import Field

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

    input_audio: int = 0
    """Prompt tokens of sound, billed at the full price for sound."""

    input_audio_cached: int = 0
    """Prompt tokens of sound, served from the provider's prompt cache."""

    input_image: int = 0
    """Prompt tokens of pictures, where the provider counts them apart."""

    output_audio: int = 0
    """Generated tokens of sound."""

    web_searches: int = 0
    """Searches that the provider made for the answer."""

    unlisted: dict[str, int] = Field(default_factory=dict)
    """Billed kinds without a field here, by the provider's name: they make a call unpriced."""

    served: tuple[str, ...] = ()
    """How the call was served where that changes its price, such as `inference_geo=us`."""

    @property
    def input_total(self) -> int:
        """All tokens of the prompt, however billed."""
        text = self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h
        return text + self.input_audio + self.input_audio_cached + self.input_image

    @property
    def output_total(self) -> int:
        """All generated tokens."""
        return self.output + self.output_audio


class Attempt(Message):
    """One call of a provider."""

    deployment: Name
    """The deployment that was called."""

    zone: Name | None = None
    """Where it computes and keeps what it is sent."""

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

    usage_estimated: bool = False
    """Whether the tokens are reckoned, because the provider told none that can be believed."""

    cost_micro_usd: MicroUsd | None = None
    """What the call cost in micro-dollars; null where no price is known or nothing was billed."""

    price_version: str | None = None
    """The price list that the cost is from; null when the call has no cost."""
