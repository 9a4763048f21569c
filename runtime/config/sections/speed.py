"""Speed section of a deployment: what the operator expects of it until workers have measured it."""

from typing import Annotated

from pydantic import Field

from runtime.config.sections.section import Section


class SpeedSettings(Section):
    """What isn't said is assumed by the model's class."""

    first_token_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """Seconds to the first token."""
    tokens_per_s: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Tokens per second, from the first one on."""

    @property
    def said(self) -> bool:
        """Whether anything is."""
        return self.first_token_s is not None or self.tokens_per_s is not None
