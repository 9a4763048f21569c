"""Anthropic room (pure): the messages dialect.

Imports base, blocks, errors and the SSE parser.
"""
