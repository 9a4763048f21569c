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


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
