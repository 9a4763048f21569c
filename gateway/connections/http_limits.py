"""HTTP limits: what one caller may cost the process, and how long things may take."""

from dataclasses import dataclass

from producers.contract.codec import MAX_REQUEST_BYTES


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Sizes in bytes, times in seconds."""

    body_bytes: int = MAX_REQUEST_BYTES
    """Of a request: no larger one fits into a record."""
    header_bytes: int = 32_768
    """Of all headers of a request together."""
    connections: int = 8_192
    """At once; above, the one that has waited longest with an unfinished request, or none, goes."""
    pending_bytes: int = 268_435_456
    """Of all bodies together that aren't whole yet; above, the oldest of them goes."""
    slowest_bytes_s: int = 1_024
    """Bytes a second, at least, of a file that is uploaded and of an answer that is taken."""
    head_timeout_s: float = 20
    """From a connection's begin, or a request's first byte, to the end of its headers."""
    body_timeout_s: float = 30
    """From the headers to the end of the body."""
    send_timeout_s: float = 30
    """A caller who takes nothing for so long is gone."""
    keep_alive_s: float = 15
    """Of silence in a stream, after which an empty event is sent."""
    hold_s: float = 3
    """A stream's status waits so long for the first event: a failure then has a true status."""
    cancel_grace_s: float = 2
    """From a caller's leaving to the cancellation: an SDK's retry comes within a second."""
    request_timeout_s: float = 600
    """A request's deadline where the caller names none; the SDKs wait as long."""
    drain_s: float = 0
    """From the stop signal to the closed port: until a load balancer has seen it."""
    stop_grace_s: float = 20
    """From the closed port to the end of the process."""
    stop_notice_s: float = 2
    """Before that end, in which open streams are told."""
