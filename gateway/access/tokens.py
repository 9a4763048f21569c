"""Tokens: a signed token (JWT) in the place of an API key.

Its tenant is the caller's. It opens every interface, and has no limits of its own but the tenant's
budgets: who needs limits gives keys.
"""

from typing import Final, assert_never

from gateway.access.api_keys import KEY_PREFIX, Caller
from gateway.errors.api_error import ApiError
from runtime.identity.tokens.claims import TokenRefused, VerifiedToken

_DOTS: Final = 2


def is_token(presented: str) -> bool:
    """Whether it has a token's form; our keys have no dot."""
    return not presented.startswith(KEY_PREFIX) and presented.count(".") == _DOTS


def caller_of(outcome: VerifiedToken | TokenRefused) -> Caller | ApiError:
    """Whose token it is."""
    match outcome:
        case VerifiedToken(tenant=tenant):
            return Caller("token", tenant, None)
        case TokenRefused(message=message, retryable=True):
            return ApiError("overloaded", "keys_unavailable", f"token: {message}", retry_after_s=5)
        case TokenRefused(message=message):
            return ApiError("unauthenticated", "invalid_token", f"token: {message}")
        case _:
            assert_never(outcome)
