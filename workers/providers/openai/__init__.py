"""OpenAI room (pure): the chat completions dialect, with the accents of its many speakers.

Imports base, errors and the SSE parser.
"""
