"""Identity room: tokens, keys. Whose is a record or an HTTP call, and how do we know?

`TokenVerifier` says whose a signed token (JWT) is: of a record's header, or of HTTP's
`Authorization: Bearer`. A process makes one while it lives, by `key_source`:

    async with token_verifier(settings.tokens, environment) as verifier:
        outcome = await verifier.verify(token)                        # HTTP: it must hold now
        outcome = await verifier.verify(token, submitted_s=record_s)  # a record: when it was sent
        match outcome:
            case VerifiedToken(tenant=tenant): ...   # .subject, .expires_s, .claims
            case TokenRefused(reason=reason): ...    # .message for the sender, .retryable

`token_verifier` raises `KeySetError` or `OSError` for keys that can't be had at the start, except
from a URL: an issuer that is away is asked again, and tokens are refused as `keys_unavailable`
meanwhile. `verify` never raises and never blocks the loop; it awaits nothing for a token that is
remembered (3 µs) or whose key is known; only a `kid` that isn't known fetches the keys again, at
most once in `keys_cooldown_s`. `known(token, submitted_s)` is the same without ever awaiting, and
None where it would. The sections `TokenSettings` and `IdentitySettings` are in
`runtime.config.sections.identity`. May import limits and the configuration's sections. Nothing is
imported here, nor by `record_guard`, that only signed tokens need: a process without them doesn't
load the libraries of signatures and HTTP.
"""
