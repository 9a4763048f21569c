"""Anthropic Messages: the dialect of `/v1/messages`, JSON and server-sent events."""
