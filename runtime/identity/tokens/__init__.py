"""Tokens room: key sets, signatures, claims. Is this signed token good, and whose is it?

Pure: bytes, keys and times in, a verified token or the reason against it out. JSON Web Tokens in
compact form (RFC 7515, 7519); keys as JWK sets (RFC 7517). Imports limits and the sections of the
configuration.
"""
