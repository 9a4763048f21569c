"""Calling room: budget reservation, fallback loop, provider call, hedging, prompt caching.

How is an answer got from a tier's deployments? Imports planning, health, providers, prompt_cache,
tokens, delivery and checks.
"""
