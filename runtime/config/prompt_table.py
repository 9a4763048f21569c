"""Prompt table: which known system prompt is this text, and what does another family get for it?"""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.config.sections.prompts import SystemPrompt


@dataclass(frozen=True, slots=True)
class OtherFamilysPrompt:
    """The text was written for another family. text: what to send in its place; None: nothing."""

    text: str | None
    warning: str


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    family: str


class PromptTable:
    """The system prompts of one configuration; false where it has none."""

    def __init__(self, prompts: Mapping[str, SystemPrompt]) -> None:
        self._prompts = prompts
        self._by_text: dict[str, _Known] = {}
        for name, prompt in prompts.items():
            for family, variants in prompt.variants.items():
                for text in variants.versions.values():
                    self._by_text[text.strip()] = _Known(name, family)
            self._by_text[prompt.system.strip()] = _Known(name, prompt.written_for)

    def __bool__(self) -> bool:
        return bool(self._by_text)

    def for_family(self, system: str, family: str) -> OtherFamilysPrompt | None:
        """What becomes of a system prompt at a family; None: it stays as it is."""
        known = self._by_text.get(system.strip())
        if known is None or known.family == family:
            return None
        prompt, words = self._prompts[known.name], f"the system prompt {known.name!r}"
        variants = prompt.variants.get(family)
        if variants is not None and variants.use is not None:
            warning = f"{words} was sent in its version {variants.use} for {family}"
            return OtherFamilysPrompt(variants.versions[variants.use], warning)
        if prompt.written_for == family:
            return OtherFamilysPrompt(prompt.system, f"{words} was sent as written for {family}")
        warning = f"{words} was written for {known.family}, and has no variant for {family}"
        return OtherFamilysPrompt(None, warning)


def variant_text(prompts: Mapping[str, SystemPrompt], variant: str, family: str) -> str | None:
    """The text of `<prompt>:<version>` for a family; None: there is none."""
    name, _, version = variant.rpartition(":")
    prompt = prompts.get(name)
    if prompt is None or family not in prompt.variants or not version.isdecimal():
        return None
    return prompt.variants[family].versions.get(int(version))


NO_PROMPTS = PromptTable({})
