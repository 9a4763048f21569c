"""Subjects: the tags by which everything kept of a person or a request is found again.

Digests: a tag is a key in Redis, and the name of a user says who somebody is.
"""

from hashlib import blake2b


def user_tag(user: str) -> str:
    """Of what requests with this `user` in their body bought."""
    return f"user:{_digest(user)}"


def request_tag(request_id: str) -> str:
    """Of what one request bought."""
    return f"request:{_digest(request_id)}"


def subject_tags(request_id: str, user: str | None) -> tuple[str, ...]:
    """By which an answer is deleted that this request bought for this user."""
    tag = request_tag(request_id)
    return (tag,) if user is None else (tag, user_tag(user))


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
