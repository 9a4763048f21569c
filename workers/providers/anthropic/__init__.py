"""Anthropic room (pure): the messages dialect.

Imports base, blocks, errors, the SSE parser and the prompt cache policy.
"""
