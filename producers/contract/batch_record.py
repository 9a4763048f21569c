"""Batch record: the state of one batch at a provider, as it lies in `llm.batches` under its key."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import FailFast, Field, model_validator

from .message import Message, Name

BatchState: TypeAlias = Literal["formed", "submitting", "submitted", "ended", "closed"]
"""`formed`: its requests are gathered, nothing was sent. `submitting`: the provider may have been
asked. `submitted`: the provider has it. `ended`: its results can be read. `closed`: each request
has its reply, or is back in its tier."""

_Int64: TypeAlias = Annotated[int, Field(ge=0, le=2**63 - 1)]


class BatchRecord(Message):
    """One batch. Times: Unix milliseconds. The requests themselves lie in their queue."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
    """Of the deployment and the requests; by it the batch is found again at the provider."""

    deployment: Name
    """The deployment whose provider works on it."""

    tier: Name
    """The tier of its first request, for reports."""

    queue: str
    """The topic in which the requests lie."""

    partitions: Annotated[tuple[_Int64, ...], FailFast()]
    """Of each request, in the order of the batch."""

    offsets: Annotated[tuple[_Int64, ...], FailFast()]
    """Of each request, in the order of the batch."""

    state: BatchState = "formed"
    """How far it has come."""

    reason: str = ""
    """Why it was formed when it was, in words."""

    formed_ms: int
    """When it was formed."""

    deadline_ms: int | None = None
    """The earliest of its requests; null where none has one."""

    size_bytes: int = 0
    """Of the requests as they lie in their queue."""

    prompt_tokens: int = 0
    """The router's estimates of all prompts together."""

    output_tokens: int = 0
    """The router's estimates of all answers together."""

    attempt: int = 0
    """How often the provider was asked to take it."""

    not_before_ms: int = 0
    """When it may be sent again after a refusal."""

    submit_until_ms: int = 0
    """Of `submitting`: after this moment whoever wrote it sends nothing any more."""

    left_out: Annotated[tuple[int, ...], FailFast()] = ()
    """The requests, by their place, that were not sent: they had their ending before."""

    submitted_ms: int | None = None
    """When the provider took it."""

    provider_id: str | None = None
    """The provider's id of it."""

    primer: str | None = None
    """The batch, by its key, that writes this one's prefixes into the provider's cache first."""

    prefixes: tuple[int, ...] = ()
    """Numbers of the prefixes that enough of its requests, or of those that follow, share."""

    headers: dict[str, str] = Field(default_factory=dict)
    """Of the creation: the version of the interface that the requests need."""

    strangers: tuple[str, ...] = ()
    """Ids at the provider that turned out not to be this batch."""

    revision: int = 0
    """Rises with each record of the batch."""

    word: str = ""
    """The provider's own word for its state."""

    unproven: bool = False
    """It was found at the provider by its size and time alone: its first result proves it ours."""

    polled_ms: int = 0
    """When the provider was asked last."""

    done: int = 0
    """The requests that the provider says it has worked on."""

    cancel_ms: int | None = None
    """When it was cancelled, because its deadline came near."""

    returned_ms: int | None = None
    """When its requests went to their tiers before it had ended; its results are booked only."""

    ended_ms: int | None = None
    """When it had ended."""

    results: int = 0
    """The lines of its results that are dealt with."""

    answered: int = 0
    """The requests that the provider answered, once all results are dealt with."""

    trace: str = ""
    """The traceparent of its submission: the requests' traces link to it."""

    problem: str = ""
    """What the provider said against it last."""

    @model_validator(mode="after")
    def _has_a_place_for_each(self) -> Self:
        if len(self.partitions) != len(self.offsets):
            raise ValueError("there must be as many partitions as offsets")
        return self

    @property
    def places(self) -> int:
        """The number of its requests, those that were left out included."""
        return len(self.offsets)

    @property
    def sent(self) -> int:
        """The number of requests that were, or are to be, sent."""
        return len(self.offsets) - len(self.left_out)

    @property
    def sent_places(self) -> tuple[int, ...]:
        """The places of those requests, in the order in which they are sent."""
        left_out = set(self.left_out)
        return tuple(place for place in range(self.places) if place not in left_out)

    def custom_id(self, place: int) -> str:
        """The request's id at the provider: never the caller's."""
        return f"{self.key}-{place}"

    def place_of(self, custom_id: str) -> int | None:
        """The place of a result's request; None for an id that isn't of this batch."""
        key, _, number = custom_id.partition("-")
        if key != self.key or not (number.isascii() and number.isdigit() and len(number) < 8):  # noqa: PLR2004 a batch holds less
            return None
        place = int(number)
        return place if place < self.places and place not in self.left_out else None
