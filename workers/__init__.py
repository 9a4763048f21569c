"""Worker pools: how is a tagged request answered?

Rooms, from the top: request → accounting → calling → planning → health → providers → prompt_cache,
tokens, delivery; commands beside request. Imports cache, runtime, observability and producers, and
nothing of the router.
"""
