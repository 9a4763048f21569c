"""Limits of foreign bytes: how large, deep or many may what others send be?

One table, so that each is documented (docs/limits.md is written from it), refused by its name and
number, and tested at both sides. What the client needs too is in `producers`, and listed here.
"""

from collections.abc import Mapping
from typing import Final

from observability.evaluation.data_sets import evaluation_case, own_cases
from observability.evaluation.running import metric_process, metric_program
from observability.evaluation.storage import hand_labels
from producers.contract import codec, message, request
from producers.jobs import lines
from producers.kafka.aiokafka_broker import MAX_RECORD_BYTES
from producers.kafka.inflation import MAX_INFLATED_BYTES
from runtime.limit import Limit

BATCH: Final = Limit(
    "size of a record batch, decompressed",
    MAX_INFLATED_BYTES,
    "bytes",
    "left out: one empty record stands for all, and is dead-lettered",
    "A batch of a megabyte on the wire may say that it is a gigabyte.",
)
RECORD: Final = Limit(
    "size of a record that is written",
    MAX_RECORD_BYTES,
    "bytes",
    "a dead letter is cut, with a note; an answer fails",
    "The topics take no larger one.",
)
ANSWER: Final = Limit(
    "size of an answer",
    MAX_RECORD_BYTES - 65_536,
    "bytes",
    "answer_too_large; what it cost is booked",
    "A reply is one record, with room for its headers.",
)
HEADERS: Final = Limit(
    "headers of a request",
    100,
    "headers",
    "invalid_request; of a record's, the first 1,024 are looked at",
    "The sender's own headers travel on with every record of the request.",
)
HEADER_BYTES: Final = Limit(
    "size of a request's headers", 65_536, "bytes", "invalid_request", "As for their number."
)
REQUEST_SIZE: Final = Limit(
    "size of a request",
    codec.MAX_REQUEST_BYTES,
    "bytes",
    "request_too_large",
    "Kafka's default for a message, less room for headers.",
)
UPLOAD: Final = Limit(
    "size of an uploaded file",
    209_715_200,
    "bytes",
    "invalid_request",
    "OpenAI's own for a batch's file; it lies in Kafka in pieces.",
)
JOB_LINES: Final = Limit(
    "lines of a job", lines.MAX_JOB_LINES, "lines", "invalid_request", "Each is remembered."
)
JOB_ENTRIES: Final = Limit(
    "a tenant's files, or jobs, in 30 days", 10_000, "of them", "rate_limited", "Gateways know all."
)
_OLDEST: Final = "the oldest of the tenant that has the most are forgotten: not_found"
KNOWN_JOBS: Final = Limit(
    "a gateway's files and jobs", 200_000, "of them", _OLDEST, "Each is in its memory."
)
KNOWN_JOBS_SIZE: Final = Limit(
    "a gateway's files and jobs together", 268_435_456, "bytes", _OLDEST, "As for their number."
)
NAME: Final = Limit(
    "length of a name: id, tenant, tag, tier, task, scope",
    message.MAX_NAME_CHARACTERS,
    "characters",
    "invalid_request; a cancellation is skipped",
    "Names are in keys, labels and rows.",
)
MESSAGES: Final = Limit(
    "messages of a conversation",
    request.MAX_MESSAGES,
    "messages",
    "invalid_request",
    "Each is looked at several times.",
)
PARTS: Final = Limit(
    "content parts of a message", request.MAX_PARTS, "parts", "invalid_request", "As for messages."
)
ALL_PARTS: Final = Limit(
    "content parts and tool calls of a conversation",
    request.MAX_ALL_PARTS,
    "parts",
    "invalid_request",
    "A request of many messages may have many in each.",
)
VALUES: Final = Limit(
    "values of a request",
    codec.MAX_VALUES,
    "values",
    "invalid_request",
    "Fields, numbers and texts of its body, also those that pass through; embeddings aside.",
)
MESSAGE_VALUES: Final = Limit(
    "values of any message, and of a body over HTTP",
    codec.MAX_MESSAGE_VALUES,
    "values",
    "refused, or dead-lettered, as what isn't JSON",
    "A megabyte of brackets is half a million objects.",
)
TOOLS: Final = Limit(
    "tools of a request", request.MAX_TOOLS, "tools", "invalid_request", "Each is translated."
)
TAGS: Final = Limit(
    "tags of a request, and of its cache entry",
    request.MAX_TAGS,
    "tags",
    "invalid_request",
    "Each is a key in Redis, or a column of every usage event.",
)
TAG_VALUE: Final = Limit(
    "length of a tag's value",
    request.MAX_TAG_CHARACTERS,
    "characters",
    "invalid_request",
    "Tags are in every usage event.",
)
CHECKS: Final = Limit(
    "checks of one request", 32, "checks", "invalid_request", "Each runs over the whole answer."
)
CONTAINED_TEXTS: Final = Limit(
    "texts of a contains check", 100, "texts", "invalid_request", "The answer is searched for each."
)
SCHEMA_CHARACTERS: Final = Limit(
    "size of a schema", 200_000, "characters", "invalid_request", "They are kept for the next one."
)
SCHEMA_VALUES: Final = Limit(
    "values in a schema",
    20_000,
    "values",
    "invalid_request",
    "A schema is checked itself, at 20 microseconds a value.",
)
SCHEMA_DEPTH: Final = Limit(
    "depth of a schema", 64, "levels", "invalid_request", "Each level is several calls deep."
)
SCHEMA_EXPANSION: Final = Limit(
    "subschemas that apply to one value, references followed",
    2_000,
    "subschemas",
    "invalid_request",
    "References that double at each step make a million of twenty lines.",
)
LAPSED_CLAIMS: Final = Limit(
    "workers that ended while they had the request",
    4,
    "workers",
    "internal_error, and a dead letter",
    "What kills a worker kills the next one too, and each may have paid for a call.",
)
CHECKED_JSON: Final = Limit(
    "size of an answer that a schema is to check",
    1_000_000,
    "characters",
    "the check fails",
    "Parsing and quoting it hold the whole process for ten milliseconds.",
)
CHECKED_DEPTH: Final = Limit(
    "depth of a checked answer", 500, "levels", "the check fails", "A check calls itself for each."
)
CHECK_MS: Final = Limit(
    "time for all checks of one answer", 1_000, "ms", "the check fails", "Or until the deadline."
)
CHECK_MEMORY: Final = Limit(
    "memory for the pattern or the schema of one check",
    536_870_912,
    "bytes",
    "the check fails",
    "It runs in a process of its own, which is killed when it takes more or takes too long.",
)
PATTERN: Final = Limit(
    "length of a regular expression", 2_000, "characters", "invalid_request", "It compiles to more."
)
PATTERN_PARTS: Final = Limit(
    "parts of a check's regular expressions, repeats written out",
    20_000,
    "parts",
    "invalid_request",
    "Forty characters of nested repeats can take all memory.",
)
PATTERN_DEPTH: Final = Limit(
    "depth of a regular expression's groups",
    50,
    "levels",
    "invalid_request",
    "Its compiler is recursive.",
)
PATTERN_MS: Final = Limit(
    "time for one match of a regular expression", 100, "ms", "the check fails", "It may backtrack."
)
TOKEN: Final = Limit(
    "size of a signed token", 8_192, "bytes", "forbidden", "It is read before its sender is known."
)
JWKS: Final = Limit(
    "size of a set of token keys",
    262_144,
    "bytes",
    "not taken: the former keys stay, for a while",
    "It comes from another machine.",
)
TOKEN_KEYS: Final = Limit(
    "keys in a set of token keys",
    100,
    "keys",
    "not taken: the former keys stay, for a while",
    "As for its size.",
)
VERIFIED_TOKENS: Final = Limit(
    "verified tokens that are remembered",
    10_000,
    "tokens",
    "the oldest is forgotten, and verified again",
    "To verify one takes longer than to route a request.",
)
PROVIDER_BODY: Final = Limit(
    "size of a provider's answer, decompressed",
    16_777_216,
    "bytes",
    "provider_error: the next deployment is tried",
    "Twice what a reply may have, for answers whose letters are written as escapes.",
)
PROVIDER_MARKS: Final = Limit(
    "commas, brackets, fourths of a quotation mark or a backslash in a provider's answer or event",
    codec.MAX_ANSWER_MARKS,
    "marks",
    "provider_error: the next deployment is tried",
    "What parsing takes. Of 20 candidates' log probabilities 1,100 tokens have as many.",
)
REPLY_MARKS: Final = Limit(
    "as many in a reply",
    codec.MAX_REPLY_MARKS,
    "marks",
    "answer_too_large; what it cost is booked",
    "A stream may have any number of events.",
)
PROVIDER_LINES: Final = Limit(
    "lines of one event of a provider's stream",
    16_384,
    "lines",
    "provider_error: the next deployment is tried",
    "An event that never ends is millions of lines, which are joined where it does.",
)
PROVIDER_PIECES: Final = Limit(
    "tool calls, or fields of an object, in a provider's stream",
    4_096,
    "calls or fields",
    "provider_error: the next deployment is tried",
    "They are put together where the stream ends; no model makes as many.",
)
PROVIDER_ERROR: Final = Limit(
    "size of a provider's error",
    1_048_576,
    "bytes",
    "cut: the rest is left on the wire",
    "It is searched for what went wrong.",
)
PROVIDER_HEADER: Final = Limit(
    "length of a provider's header",
    64,
    "characters",
    "cut",
    "No limit, wait or id is longer, and numbers of thousands of digits are slow to read.",
)
PROVIDER_TOKENS: Final = Limit(
    "tokens of one call", 10**9, "tokens", "not believed: usage is estimated", "They become money."
)
CONFIG_FILE: Final = Limit(
    "size of the configuration file",
    1_048_576,
    "characters",
    "refused: the former configuration stays",
    "It is read again whenever it changes.",
)
CONFIG_VALUES: Final = Limit(
    "values in the configuration, aliases written out",
    200_000,
    "values",
    "refused: the former configuration stays",
    "Aliases of aliases double at each line.",
)
CONFIG_DEPTH: Final = Limit(
    "depth of the configuration",
    64,
    "levels",
    "refused: the former configuration stays",
    "Its reader is recursive.",
)
BREAKER_NEWS: Final = Limit(
    "size of what workers tell one another of a breaker",
    4_096,
    "characters",
    "left out, and counted",
    "Whoever reaches Redis may write it.",
)
REMEMBERED_CANCELLATIONS: Final = Limit(
    "remembered cancellations", 100_000, "ids", "the oldest is forgotten", "One may come early."
)
OWED_ENDINGS: Final = Limit(
    "unrecorded endings", 33_554_432, "bytes", "the oldest is forgotten", "While Redis is away."
)
REMEMBERED_ENDINGS: Final = Limit(
    "remembered endings", 8_388_608, "bytes", "the oldest is forgotten", "For when Redis is away."
)
EVALUATION_FILE: Final = Limit(
    "size of a file of evaluation cases",
    own_cases.MAX_CASES_FILE_BYTES,
    "bytes",
    "refused, with the line",
    "Its cases are held in memory.",
)
EVALUATION_CASES: Final = Limit(
    "cases of a data set",
    own_cases.MAX_CASES,
    "cases",
    "refused, with the line",
    "As for the file's size.",
)
EVALUATION_CASE: Final = Limit(
    "size of an evaluation case: a line, a field of CSV",
    own_cases.MAX_CASE_BYTES,
    "bytes",
    "refused, with the line",
    "Each becomes a request.",
)
EVALUATION_TEXT: Final = Limit(
    "length of a case's reference or context, and of the answer that is held against it",
    evaluation_case.MAX_REFERENCE,
    "characters",
    "refused, with the line; of an answer, the rest isn't looked at",
    "Metrics are linear in them.",
)
HAND_LABELS: Final = Limit(
    "labels of an evaluation", hand_labels.MOST_HAND_LABELS, "labels", "refused", "Held in memory."
)
METRIC_TIME: Final = Limit(
    "time of an operator's metric for one answer",
    metric_process.METRIC_S,
    "seconds",
    "its process is killed, and the case has no grade",
    "A run must not wait for ever for a function.",
)
METRIC_MEMORY: Final = Limit(
    "memory of an operator's metric, beyond what it takes when it is loaded",
    metric_program.METRIC_BYTES,
    "bytes",
    "MemoryError: the case has no grade",
    "It runs beside the command.",
)

TABLE: Final[Mapping[str, tuple[Limit, ...]]] = {
    "Records": (BATCH, RECORD, ANSWER, REPLY_MARKS, HEADERS, HEADER_BYTES),
    "Requests": (
        *(
            REQUEST_SIZE,
            UPLOAD,
            JOB_LINES,
            JOB_ENTRIES,
            KNOWN_JOBS,
            KNOWN_JOBS_SIZE,
            NAME,
            MESSAGES,
            PARTS,
            ALL_PARTS,
        ),
        *(VALUES, TOOLS, TAGS, TAG_VALUE, MESSAGE_VALUES),
    ),
    "Checks of answers": (
        *(CHECKS, CONTAINED_TEXTS, PATTERN, PATTERN_PARTS, PATTERN_DEPTH, PATTERN_MS),
        *(SCHEMA_CHARACTERS, SCHEMA_VALUES, SCHEMA_DEPTH, SCHEMA_EXPANSION),
        *(CHECKED_JSON, CHECKED_DEPTH, CHECK_MS, CHECK_MEMORY, LAPSED_CLAIMS),
    ),
    "Identity": (TOKEN, JWKS, TOKEN_KEYS, VERIFIED_TOKENS),
    "Providers": (
        *(PROVIDER_BODY, PROVIDER_MARKS, PROVIDER_LINES, PROVIDER_PIECES),
        *(PROVIDER_ERROR, PROVIDER_HEADER, PROVIDER_TOKENS),
    ),
    "Operators": (CONFIG_FILE, CONFIG_VALUES, CONFIG_DEPTH),
    "What processes remember and share": (
        *(REMEMBERED_CANCELLATIONS, REMEMBERED_ENDINGS, OWED_ENDINGS, BREAKER_NEWS),
    ),
    "Evaluations": (
        *(EVALUATION_FILE, EVALUATION_CASES, EVALUATION_CASE, EVALUATION_TEXT, HAND_LABELS),
        *(METRIC_TIME, METRIC_MEMORY),
    ),
}
"""Every limit, by whose bytes it bounds."""
