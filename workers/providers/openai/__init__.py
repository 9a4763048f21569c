"""OpenAI room (pure): the chat completions dialect, with the accents of its many speakers.

Imports base, errors, the SSE parser and the prompt cache policy.
"""
