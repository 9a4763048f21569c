"""Message contract: what a request, a reply, a route, a usage event and a feedback say.

Every value is one JSON object. A reader ignores fields it doesn't know, so a newer writer never
breaks an older reader. Times are Unix milliseconds, durations are milliseconds, money is Decimal
micro-dollars (a string in JSON: floats would lose cents over a million requests).
"""

from .attempt import Attempt, Usage
from .checks import (
    ContainsCheck,
    JsonSchemaCheck,
    LanguageCheck,
    MaxLengthCheck,
    NamedCheck,
    RegexCheck,
    Validator,
)
from .message import Message, MicroUsd, Name
from .reply import (
    CacheOutcome,
    Chunk,
    Done,
    Failed,
    FailureCode,
    Reply,
    RouteTaken,
    Timings,
    answer_message,
    answer_text,
    message_deltas,
)
from .request import (
    AnthropicParts,
    CacheControl,
    CacheSubject,
    ChatBody,
    ChatMessage,
    EmbeddingsInput,
    Objective,
    Request,
    Routing,
)
from .route import Candidate, Demands, Route, TaggedRequest
from .usage_event import Judgement, Purpose, Savings, UsageEvent

__all__ = [
    "AnthropicParts", "Attempt", "CacheControl", "CacheOutcome", "CacheSubject", "Candidate",
    "ChatBody", "ChatMessage", "Chunk", "ContainsCheck", "Demands", "Done", "EmbeddingsInput",
    "Failed", "FailureCode", "JsonSchemaCheck", "Judgement", "LanguageCheck", "MaxLengthCheck",
    "Message", "MicroUsd", "Name", "NamedCheck", "Objective", "Purpose", "RegexCheck", "Reply",
    "Request", "Route", "RouteTaken", "Routing", "Savings", "TaggedRequest", "Timings", "Usage",
    "UsageEvent", "Validator", "answer_message", "answer_text", "message_deltas",
]  # fmt: skip
