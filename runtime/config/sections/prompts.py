"""Prompt section: system prompts with their variants, by the family of models that they are for."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from runtime.config.sections.section import Section


class PromptVariants(Section):
    """A system prompt in the words of one family, in its versions."""

    use: Annotated[int, Field(ge=1)] | None = None
    """The version that won; None: none is used yet."""
    versions: Annotated[dict[int, str], Field(min_length=1)]
    """The whole system prompt, by its version."""

    @model_validator(mode="after")
    def _defined(self) -> Self:
        if self.use is not None and self.use not in self.versions:
            raise ValueError(f"there is no version {self.use}; name one of {list(self.versions)}")
        return self


class SystemPrompt(Section):
    """A system prompt as callers send it: its text is how it is recognised."""

    written_for: str
    """The family of models."""
    system: Annotated[str, Field(min_length=1)]
    """The whole text; spaces and line breaks around it don't count."""
    variants: dict[str, PromptVariants] = Field(default_factory=dict)
    """By the family of models."""
