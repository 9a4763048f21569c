"""Parameter tables of Anthropic's messages and Bedrock's Converse."""

from collections.abc import Mapping
from typing import Final

from workers.providers.base.parameters import (
    Dropped,
    ParameterRefused,
    ParameterTable,
    Passed,
    Shaped,
    Treatment,
)

_REFUSED: Final[Mapping[str, Treatment]] = {
    "embeddings": ParameterRefused("this provider embeds through another interface"),
    "n": ParameterRefused("this provider gives one answer a call"),
    "audio": ParameterRefused("this provider answers in text only"),
    "modalities": ParameterRefused("this provider answers in text only"),
    "functions": ParameterRefused("use `tools`"),
    "function_call": ParameterRefused("use `tool_choice`"),
    "web_search_options": ParameterRefused("this provider searches through tools of its own only"),
}
_NO_SUCH: Final = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "prediction",
    "verbosity",
    "store",
)


def _without(provider: str) -> dict[str, Treatment]:
    return dict.fromkeys(_NO_SUCH, Dropped(f"{provider} has no such parameter"))


ANTHROPIC: Final = ParameterTable(
    {
        "anthropic": Shaped("the caller's own blocks, in place of their translation"),
        **_REFUSED,
        **_without("Anthropic"),
        "model": Shaped("the deployment's wire_model"),
        "messages": Shaped("system, and messages that alternate"),
        "stream": Shaped("stream"),
        "stream_options": Shaped("nothing: usage is always told"),
        "max_tokens": Shaped("max_tokens, else the model's max_output"),
        "max_completion_tokens": Shaped("max_tokens"),
        "temperature": Shaped("temperature, 1 at the most, to models up to 4.6"),
        "top_p": Shaped("top_p, unless temperature is set"),
        "top_k": Shaped("top_k"),
        "stop": Shaped("stop_sequences"),
        "tools": Shaped("tools with input_schema"),
        "tool_choice": Shaped("tool_choice"),
        "parallel_tool_calls": Shaped("tool_choice.disable_parallel_tool_use"),
        "response_format": Shaped("output_config.format; json_object in words"),
        "reasoning_effort": Shaped("thinking, adaptive with effort or with a budget"),
        "user": Shaped("metadata.user_id"),
        "safety_identifier": Shaped("metadata.user_id"),
        "metadata": Dropped("Anthropic keeps no metadata but a user id"),
        "prompt_cache_key": Shaped("nothing: breakpoints are set instead"),
        "service_tier": Dropped("Anthropic has its own tiers"),
        "thinking": Passed(),
    },
    unlisted=Dropped("Anthropic has no such parameter and rejects unknown ones"),
)

BEDROCK: Final = ParameterTable(
    {
        "anthropic": Dropped("Converse has no place for its blocks, the answer is to the rest"),
        **_REFUSED,
        **_without("Bedrock"),
        "model": Shaped("the path"),
        "messages": Shaped("system, and messages that alternate; images as bytes only"),
        "stream": Shaped("converse-stream"),
        "stream_options": Shaped("nothing: usage is always told"),
        "max_tokens": Shaped("inferenceConfig.maxTokens"),
        "max_completion_tokens": Shaped("inferenceConfig.maxTokens"),
        "temperature": Shaped("inferenceConfig.temperature, 1 at the most"),
        "top_p": Shaped("inferenceConfig.topP, unless temperature is set"),
        "top_k": Shaped("additionalModelRequestFields.top_k"),
        "stop": Shaped("inferenceConfig.stopSequences"),
        "tools": Shaped("toolConfig.tools"),
        "tool_choice": Shaped("toolConfig.toolChoice; `none` leaves the tools out"),
        "parallel_tool_calls": Dropped("Converse has no such parameter"),
        "response_format": Shaped("outputConfig.textFormat; json_object in words"),
        "reasoning_effort": Shaped("additionalModelRequestFields.thinking"),
        "thinking": Shaped("additionalModelRequestFields.thinking"),
        "metadata": Shaped("requestMetadata"),
        "user": Dropped("Converse has no such parameter"),
        "safety_identifier": Dropped("Converse has no such parameter"),
        "prompt_cache_key": Shaped("nothing: cache points are set instead"),
        "service_tier": Shaped("serviceTier"),
    },
    unlisted=Dropped("Converse has no such parameter"),
)
