"""OpenAI usage: what a call was billed for, in the details that servers of this dialect tell."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from producers.contract import Usage
from workers.providers.base.json_values import mapping_of
from workers.providers.base.token_counts import token_counts, unlisted_counts

_KNOWN: Final = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cached_tokens",
        "prompt_cache_hit_tokens",
        "prompt_cache_miss_tokens",
        "reasoning_tokens",
        "prompt_tokens_details.cached_tokens",
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.audio_tokens",
        "prompt_tokens_details.image_tokens",
        "prompt_tokens_details.text_tokens",
        "completion_tokens_details.reasoning_tokens",
        "completion_tokens_details.audio_tokens",
        "completion_tokens_details.text_tokens",
        # both are inside of completion_tokens, and billed like any other output
        "completion_tokens_details.accepted_prediction_tokens",
        "completion_tokens_details.rejected_prediction_tokens",
    }
)


def openai_usage(block: object) -> Usage:
    """Normalised usage: OpenAI counts cached, audio and image tokens inside of `prompt_tokens`."""
    usage = mapping_of(block)
    counts = _counts(usage)
    if counts is None:
        return Usage()
    asked, answered, total, cached, written, audio, heard, images, reasoning, spoken = counts
    # what is cached beyond all text must be sound, where the server doesn't say how much is
    cached_audio = min(audio, heard or max(0, cached - max(0, asked - audio - images)))
    if reasoning > answered or (reasoning and total == asked + answered + reasoning):
        answered += reasoning  # some servers count it beside the completion
    return Usage(
        input_uncached=max(0, asked - cached - written - (audio - cached_audio) - images),
        cache_read=max(0, cached - cached_audio),
        cache_write_5m=written,
        output=max(0, answered - spoken),
        reasoning=reasoning,
        input_audio=audio - cached_audio,
        input_audio_cached=cached_audio,
        input_image=images,
        output_audio=spoken,
        unlisted=unlisted_counts(usage, _KNOWN),
    )


def _counts(usage: Mapping[str, Any]) -> Sequence[int] | None:
    """Prompt, completion, total, cached, written, audio, cached audio, images, reasoning, sound."""
    prompt = mapping_of(usage.get("prompt_tokens_details"))
    completion = mapping_of(usage.get("completion_tokens_details"))
    return token_counts(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        usage.get("total_tokens"),
        prompt.get("cached_tokens")
        or usage.get("prompt_cache_hit_tokens")
        or usage.get("cached_tokens"),
        prompt.get("cache_write_tokens"),
        prompt.get("audio_tokens"),
        mapping_of(prompt.get("cached_tokens_details")).get("audio_tokens"),
        prompt.get("image_tokens"),
        completion.get("reasoning_tokens") or usage.get("reasoning_tokens"),
        completion.get("audio_tokens"),
    )
