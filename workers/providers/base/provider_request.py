"""Provider request: one attempt at one deployment, as every wire dialect gets it."""

from dataclasses import dataclass, field

from producers.contract import ChatBody
from runtime.config.catalog import Deployment, Model
from runtime.config.prompt_table import NO_PROMPTS, PromptTable
from workers.prompt_cache.policy import CachePlan, Unmarked


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """What to ask, of whom, and how long to wait."""

    deployment: Deployment
    model: Model
    """What `deployment` serves: its context window, its capabilities."""

    body: ChatBody
    timeout_s: float
    """Seconds until the whole answer must be there."""

    first_token_timeout_s: float
    """Seconds until a stream's first token must be there."""

    prompt_cache: CachePlan = field(default_factory=Unmarked)
    request_id: str | None = None
    """Travels as the `x-request-id` header, so that a provider's log can be matched with ours."""

    prompts: PromptTable = NO_PROMPTS
    """The system prompts that have variants."""
