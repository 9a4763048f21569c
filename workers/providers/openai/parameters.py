"""Parameter tables of the servers that speak OpenAI's dialect: OpenAI, Mistral, compatible ones."""

from collections.abc import Mapping
from typing import Final

from workers.providers.base.parameters import (
    Dropped,
    ParameterTable,
    Passed,
    Renamed,
    Shaped,
    Treatment,
)

_SHAPED: Final[Mapping[str, Treatment]] = {
    "model": Shaped("the deployment's wire_model"),
    "messages": Shaped("messages"),
    "stream": Shaped("stream"),
    "stream_options": Shaped("stream_options with include_usage"),
    "max_tokens": Shaped("max_tokens, or max_completion_tokens for a reasoning model"),
    "prompt_cache_key": Passed(),
    "anthropic": Dropped("its blocks are for Anthropic's interface, the answer is to the rest"),
}

OPENAI: Final = ParameterTable(_SHAPED, unlisted=Passed())

COMPATIBLE: Final = ParameterTable(
    {
        **_SHAPED,
        "max_completion_tokens": Renamed("max_tokens"),
        "prompt_cache_key": Dropped("the server caches prefixes by itself"),
        "store": Dropped("the server keeps no answers"),
        "service_tier": Dropped("the server has one service tier"),
    },
    unlisted=Passed(),
)

MISTRAL: Final = ParameterTable(
    {
        **_SHAPED,
        "stream_options": Dropped("Mistral always reports usage at the end of a stream"),
        "max_completion_tokens": Renamed("max_tokens"),
        "seed": Renamed("random_seed"),
        **dict.fromkeys(
            (
                "temperature",
                "top_p",
                "stop",
                "random_seed",
                "metadata",
                "response_format",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "presence_penalty",
                "frequency_penalty",
                "n",
                "prediction",
                "reasoning_effort",
                "service_tier",
                "logprobs",
                "top_logprobs",
                "top_k",
                "safe_prompt",
                "prompt_mode",
            ),
            Passed(),
        ),
    },
    unlisted=Dropped("Mistral has no such parameter and rejects unknown ones"),
)

TABLES: Final[Mapping[str, ParameterTable]] = {
    "openai": OPENAI,
    "azure": OPENAI,
    "mistral": MISTRAL,
}
"""By the deployment's provider; every other server is treated as COMPATIBLE."""
