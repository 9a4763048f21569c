"""Block request: what Anthropic's and Bedrock's requests share before either is written down.

Parameters treated by the dialect's table, the chat as turns, tools, generation settings, all
checked. A dialect only renders the result, each with its own names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workers.prompt_cache.policy import Breakpoints
from workers.providers.base.call_outcome import RequestRejected
from workers.providers.base.parameters import AppliedParameters, ParameterTable, apply_parameters
from workers.providers.base.provider_request import ProviderRequest
from workers.providers.base.shapes import UnsupportedContent, json_bytes, rejected
from workers.providers.blocks.conversation import Conversation, conversation
from workers.providers.blocks.generation import Generation, generation_of, system_of
from workers.providers.blocks.tools import ToolSet, tools_of


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """One request, ready to be rendered."""

    call: ProviderRequest
    chat: Conversation
    system: list[str]
    tools: ToolSet
    generation: Generation
    applied: AppliedParameters
    """The parameters that are left to the dialect, and the warnings so far."""

    @property
    def breakpoints(self) -> Breakpoints | None:
        """Where the provider is to cache the prompt, if anywhere."""
        plan = self.call.prompt_cache
        return plan if isinstance(plan, Breakpoints) else None


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A body on the wire. fields: as it was before."""

    wire: bytes
    fields: Mapping[str, Any]
    warnings: tuple[str, ...]


def encode_body(
    request: ProviderRequest,
    table: ParameterTable,
    render: Callable[[BlockRequest], dict[str, Any]],
) -> EncodedBody | RequestRejected:
    """The body that `render` makes, or why there is none. render may raise UnsupportedContent."""
    applied = apply_parameters(table, request.body)
    if applied.refusals:
        return RequestRejected(message="; ".join(applied.refusals), code="unsupported_parameter")
    try:
        chat = conversation(request.body.messages)
        applied.warnings += chat.warnings
        tools = tools_of(applied)
        generation = generation_of(request, applied, chat, tools.choice)
        system = system_of(chat.system, applied)
        fields = render(BlockRequest(request, chat, system, tools, generation, applied))
        return EncodedBody(json_bytes(fields), fields, tuple(applied.warnings))
    except UnsupportedContent as problem:
        return rejected(problem)
