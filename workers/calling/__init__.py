"""Calling room: budget reservation, fallback loop, provider call, hedging, prompt caching, checks.

How is an answer got from a tier's deployments? Imports planning, health, providers, prompt_cache,
tokens and delivery.
"""
